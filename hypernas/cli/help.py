"""The help of commands: what each file of configs/ says of its settings."""

import textwrap
from collections.abc import Iterable, Sequence

from hypernas.runs.config_files import META, Setting, chosen, configs, options, read

_WIDTH, _COLUMN = 80, 34  # of a line, and where comments begin


def help_of(command: str, arguments: Sequence[str]) -> str:
    """Explain a command and all its settings, those of the groups' chosen files among them.

    The comment at the head of the command's file comes first; its last line may name the groups
    and settings that are explained before the others.

    Args:
        arguments: of the command line; `group=name` chooses the file that is shown.

    Raises:
        ValueError: if a group has no such file.
    """
    groups = chosen(command, dict(a.split("=", 1) for a in arguments if "=" in a))
    own = read(configs() / f"{command}.yaml")
    about, _, first = own.about.partition("\nFirst to know: ")
    changed = {setting.key: setting for setting in own.settings}
    ahead, sections = dict.fromkeys(first.split(), ""), []
    for package, (group, names) in groups.items():
        key = package if package == group else f"{group}@{package}"
        shown = f"[{','.join(names)}]" if len(names) > 1 else "".join(names) or "null"
        ahead[package] = _line(f"{key}={shown}", f"one of {', '.join(options(group))}")
        for name in names:
            if name not in options(group):
                raise ValueError(f"there is no {group}={name}, expected one of {options(group)}.")
            file = read(configs() / group / f"{name}.yaml", package)
            called = file.values.get("_target_", "???")
            lines = [f"{key}={name}:" if called == "???" else f"{key}={name}, a call of {called}:"]
            if file.about:
                lines.append(
                    textwrap.fill(file.about, _WIDTH, initial_indent="  ", subsequent_indent="  ")
                )
            found = [changed.get(s.key, s) for s in file.settings if s.key not in groups]
            sections.append([*lines, *_told(found, ahead)])
    rest = _told([s for s in own.settings if s.key.split(".")[0] not in groups], ahead)
    known = ["First to know (group=name, key=value):", *filter(None, ahead.values())]
    parts = [[about.strip()], known, ["Further settings:", *rest], *sections]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _told(settings: Iterable[Setting], ahead: dict[str, str]) -> list[str]:
    """The lines of settings, but for those that are told ahead, which go there."""
    lines = []
    for setting in settings:
        name = setting.key.rpartition(".")[2]
        if name in META and setting.value != "???":
            continue
        value = "" if setting.text is None else f"={setting.text}"
        line = _line(f"{setting.key}{value}", setting.comment)
        if setting.key in ahead:
            ahead[setting.key] = line
        elif value or setting.comment:
            lines.append(line)
    return lines


def _line(setting: str, comment: str) -> str:
    """A setting, and its comment in a column of its own."""
    left, gap = f"  {setting}", " " * _COLUMN
    if len(left) > _WIDTH:
        left = f"{left[: _WIDTH - 4]} ..."
    right = textwrap.wrap(comment, _WIDTH - _COLUMN, break_long_words=False)
    beside = len(left) + 2 <= _COLUMN and right
    lines = [left.ljust(_COLUMN) + right.pop(0) if beside else left]
    return "\n".join([*lines, *(gap + words for words in right)])
