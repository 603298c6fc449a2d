"""The files of configs/, with their comments: which settings there are, and what they are about."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

import hypernas

META = ("_target_", "_partial_", "_convert_")  # say what a node calls, and how


def configs() -> Path:
    """The folder of configurations: inside an installed package, else the project's own."""
    inside = Path(hypernas.__file__).parent / "configs"
    return inside if inside.is_dir() else inside.parent.parent / "configs"


def options(group: str) -> list[str]:
    """The files of a group, one's own last."""
    names = {path.stem for path in (configs() / group).glob("*.yaml")}
    return sorted(names, key=lambda name: (name == "own", name))


@dataclass(frozen=True)
class Setting:
    """A key of a file: its value as text, None where it holds others; the value; its comment."""

    key: str
    text: str | None
    value: object
    comment: str


@dataclass(frozen=True)
class File:
    """A file of configurations.

    Attributes:
        about: the comment at its head.
        package: where its settings stand; empty for the top.
        defaults: its defaults list, as it stands there.
        values: all of it, but for the defaults and what is Hydra's.
        settings: its keys with their comments, outer ones first.
    """

    about: str
    package: str
    defaults: list[str | dict[str, str | list[str] | None]]
    values: dict[str, object]
    settings: list[Setting]


def read(path: Path, package: str = "") -> File:
    """Read a file, whose settings stand in a package unless it says otherwise."""
    text = path.read_text()
    lines = text.split("\n")
    head = [line for line in lines[: _first_without(lines, "#")] if not line.startswith("# @")]
    package = "" if "# @package _global_" in lines else package
    about = "\n".join(line.removeprefix("#").removeprefix(" ") for line in head)
    values = yaml.safe_load(text) or {}
    root = yaml.compose(text, yaml.SafeLoader)
    settings = list(_settings(root, values, lines, package)) if values else []
    defaults = values.pop("defaults", [])
    values.pop("hydra", None)
    return File(about, package, defaults, values, settings)


def chosen(command: str, given: Mapping[str, str]) -> dict[str, tuple[str, list[str]]]:
    """The groups of a command: package -> its group, and the files that are chosen of it.

    Args:
        given: group, or group@package -> name, or [name,name], as typed.
    """
    found: dict[str, tuple[str, list[str]]] = {}
    for entry in read(configs() / f"{command}.yaml").defaults:
        if isinstance(entry, str) or next(iter(entry)).startswith("override "):
            continue
        ((key, default),) = entry.items()
        group, _, package = key.partition("@")
        names = default if isinstance(default, list) else [default] if default else []
        if key in given:
            names = [name.strip() for name in given[key].strip("[]").split(",")]
            names = [name for name in names if name not in ("", "null")]
        found[package or group] = group, names
        for name in names if group == "experiment" else ():
            _overridden(found, configs() / group / f"{name}.yaml", given)
    return found


def _overridden(
    found: dict[str, tuple[str, list[str]]], preset: Path, given: Mapping[str, str]
) -> None:
    """Take the choices of a preset, where nothing else is given."""
    for entry in read(preset).defaults if preset.is_file() else ():
        for key, name in entry.items() if isinstance(entry, dict) else ():
            group = key.removeprefix("override /")
            if group in found and group not in given and name is not None:
                found[group] = group, name if isinstance(name, list) else [name]


def _settings(
    node: yaml.Node | None, values: object, lines: list[str], prefix: str
) -> Iterator[Setting]:
    if not isinstance(node, yaml.MappingNode) or not isinstance(values, dict):
        return
    for key, value in node.value:
        if not prefix and key.value in ("defaults", "hydra"):
            continue
        own = values[yaml.safe_load(key.value)]
        block = isinstance(value, yaml.CollectionNode) and not value.flow_style
        at = key.end_mark if block else value.end_mark
        comment = lines[at.line][at.column :].partition("#")[2].strip()
        start = value.start_mark
        text = lines[start.line][start.column : value.end_mark.column] if not block else None
        full = f"{prefix}.{key.value}" if prefix else key.value
        yield Setting(full, text, own, comment)
        if block:
            yield from _settings(value, own, lines, full)


def _first_without(lines: list[str], mark: str) -> int:
    return next((i for i, line in enumerate(lines) if not line.startswith(mark)), len(lines))
