"""The folder of a run: its settings, and where its checkpoints are."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from hypernas.runs.settings import OF_A_MACHINE, Settings, flat, resolved
from hypernas.storage.files import read_bounded, write_whole
from hypernas.storage.seal import Altered, digest, read_sealed, write_sealed

CHECKPOINTS = "checkpoints"
_SETTINGS, _OVERRIDES = "settings.yaml", "overrides.json"
_LARGEST = 2**24  # bytes of a file of settings
_SEAL = re.compile(r"# sha256: ([0-9a-f]{64})")  # its first line; a comment, as it is no setting


def checkpoints_of(folder: Path, settings: Settings) -> Path:
    """The folder of a run's checkpoints, by the settings of what saves them."""
    saved = dict(settings.get("callbacks") or {}).get("checkpoints") or {}
    return folder / saved.get("folder", CHECKPOINTS)


def write_settings(folder: Path, settings: Settings, overrides: Sequence[str] = ()) -> None:
    """Write a run's settings, and the overrides of a command line that they came of."""
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True)
    write_sealed(folder / _OVERRIDES, {"overrides": list(overrides)})
    seal = f"# sha256: {digest(yaml.safe_load(text))}\n"
    write_whole(folder / _SETTINGS, seal + text)  # last: with them it is the folder of a run


def read_settings(folder: str | Path) -> dict[str, Any]:
    """The settings a run was started with.

    Raises:
        FileNotFoundError: if the folder is not that of a run.
        ValueError: if its file does not hold settings, or others than were written.
    """
    path = Path(folder) / _SETTINGS
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is not the folder of a run: it has no {_SETTINGS}. "
            f"Give the folder that hypernas train, or grow, printed."
        )
    try:
        text = read_bounded(path, largest=_LARGEST).decode()
        settings = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {error}") from None
    if not isinstance(settings, dict):
        raise ValueError(f"{path} does not hold settings.")
    _check_seal(path, text, settings)
    try:
        return resolved(settings)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None


def read_overrides(folder: str | Path) -> list[str]:
    """The overrides a run was started with.

    Raises:
        FileNotFoundError: if the folder is not that of a run.
        ValueError: if its file does not hold overrides.
    """
    read_settings(folder)
    found = read_sealed(Path(folder) / _OVERRIDES, largest=_LARGEST)
    found = (
        found if isinstance(found, list) else found.get("overrides")
    )  # a list in earlier versions
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ValueError(
            f'{Path(folder) / _OVERRIDES}: expected a list of texts such as ["seed=1"], got {found!r:.200}.'
        )
    return found


def _check_seal(path: Path, text: str, settings: Settings) -> None:
    """Refuse settings that are not those their first line tells of; one without it is of an earlier version.

    Raises:
        Altered: saying what to do if the change is meant.
    """
    seal = _SEAL.match(text)
    try:
        fits = seal is None or seal[1] == digest(settings)
    except TypeError:  # keys of several kinds, which nobody wrote
        fits = False
    if not fits:
        raise Altered(
            f"{path} was altered since it was written: its settings are not those of the checksum in its "
            f"first line. Restore it; or, if the change is meant, take that line out."
        )


def check_resumed(settings: Settings, folder: str | Path, given: Sequence[str]) -> None:
    """Refuse to go on with a run with settings that it did not have and nobody asked for.

    They come about where defaults have changed since it was started.

    Args:
        given: the overrides of today, the run's own among them.

    Raises:
        ValueError: naming all of them.
    """
    then, now = flat(read_settings(folder)), flat(settings)
    check_present(then, folder)
    before = read_overrides(folder)
    asked = [override.split("=")[0].lstrip("+~") for override in given if override not in before]
    if "experiment" in asked:
        return  # a preset, of anything
    changed = [
        f"{key}: {then.get(key, 'nothing')} in the run, {now.get(key, 'nothing')} now"
        for key in sorted({*then, *now})
        if then.get(key, "None") != now.get(key, "None")  # a setting of null is as good as none
        and key not in OF_A_MACHINE
        and not any(key == name or key.startswith(f"{name}.") for name in asked)
    ]
    if changed:
        raise ValueError(
            f"{folder} was started with other defaults:\n  " + "\n  ".join(changed) + "\nGive what "
            "it had to go on with that, or what is to change: key=value, or group=name."
        )


def check_present(settings: Settings, folder: str | Path) -> None:
    """Refuse to train by the settings of an earlier version, of which some had other names.

    Args:
        settings: nested, or flat.

    Raises:
        ValueError: telling what can be done with the run.
    """
    if "training.warmup" in flat(settings):
        raise ValueError(
            f"{folder} was started by an earlier version, whose settings had other names "
            f"(training.warmup is schedule.warmup now, training.validate_every is "
            f"callbacks.validation.every, ...). It can be evaluated and exported; to train it on, "
            f"open it by hypernas.load and give Training.run(resume='{folder}/{CHECKPOINTS}')."
        )
