"""Refusals: settings that are unknown or of a wrong type, and errors told in one message."""

import errno
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from hypernas.data import WorkerLost
from hypernas.distributed import RankLost, launched
from hypernas.runs.argument_types import misfit, misfits, no_paths
from hypernas.runs.config_files import META, chosen, configs, options, read
from hypernas.space.spelling import meant
from hypernas.training import Diverged

_LAUNCHERS = {  # of Hydra -> extra of this package
    "hydra/launcher/joblib": "joblib",
    "hydra/launcher/submitit_local": "submitit",
    "hydra/launcher/submitit_slurm": "submitit",
}
_EXPECTED = (
    HydraException,
    OmegaConfBaseException,
    ValueError,
    TypeError,
    OSError,
    ImportError,
    Diverged,
    RankLost,
    WorkerLost,
)


def check(command: str, config: DictConfig, choices: Mapping[str, str | None]) -> None:
    """Refuse settings that nothing would read, and those of a wrong type.

    Known is what the files of configs/ hold, and under `_target_` of ones own all there is.

    Args:
        choices: group -> the file that is chosen of it.

    Raises:
        ValueError: naming all of them.
    """
    known = read(configs() / f"{command}.yaml").values
    groups = chosen(command, {group: name or "" for group, name in choices.items()})
    for package, (group, names) in groups.items():
        known.setdefault(package, {})  # nothing may be chosen of it
        for name in names:
            if name not in options(group):  # a file of the user's own
                _merge(known, _under(package, None))
                continue
            file = read(configs() / group / f"{name}.yaml", package)
            _merge(known, _under(package, file.values) if file.package else file.values)
    given: Any = OmegaConf.to_container(config)
    wrong = [*_unlike(known, given, "", tuple(groups)), *no_paths(given), *misfits(given)]
    if wrong:
        raise ValueError("\n".join(wrong))


def refuse(error: BaseException) -> NoReturn:
    """Exit with status 2 and the message of an error."""
    if os.environ.get("HYPERNAS_TRACEBACK"):
        raise error
    rank = launched().rank
    print(f"hypernas: {f'rank {rank}: ' if rank else ''}{told_of(error)}", file=sys.stderr)
    sys.exit(2)


def told_of(error: BaseException) -> str:
    """The message of an error: what was wrong, and what there is instead."""
    cause = error
    while isinstance(cause, HydraException) and cause.__cause__ is not None:
        cause = cause.__cause__  # what a constructor said, not where Hydra called it
    notes = "".join(f"\n{note}" for note in getattr(cause, "__notes__", ()))
    _, called, key = str(error).rpartition("full_key: ")
    if isinstance(cause, TypeError) and called:
        notes += f"\nThis came of the settings of {key}."
    if isinstance(cause, _EXPECTED):
        return _words(cause) + notes
    return f"{type(cause).__name__}: {cause}{notes}\nHYPERNAS_TRACEBACK=1 shows where it arose."


def _words(error: BaseException) -> str:
    """The words of an error; of a misspelt or missing setting, also what there is."""
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} is missing: give {error.full_key}=... (see --help)."
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"no space left on the device ({error.filename or 'while writing'})."
    if isinstance(error, OSError) and error.errno in (errno.EEXIST, errno.ENOTDIR):
        return (
            f"{error.filename} cannot be made: a file stands where a folder should be. Move it, or "
            f"choose another folder."
        )
    if isinstance(error, ImportError):
        return f"{error}\nYour own modules are looked for in the current folder and on PYTHONPATH."
    if isinstance(error, MissingConfigException) and error.missing_cfg_file in _LAUNCHERS:
        extra = _LAUNCHERS[error.missing_cfg_file]
        return f"{error.missing_cfg_file} is not installed: pip install 'hypernas[{extra}]'."
    if isinstance(error, OmegaConfBaseException) and isinstance(error.parent_node, DictConfig):
        return _unknown(str(error.full_key), map(str, error.parent_node))
    return str(error) or type(error).__name__


def _unknown(name: str, known: Iterable[str]) -> str:
    """The refusal of a setting that there is not."""
    at, _, key = name.rpartition(".")
    there = sorted(set(known) - set(META))
    return f"there is no setting {name}{meant(key, there, at=at)}, expected one of {there}."


def _unlike(known: Mapping, given: Mapping, at: str, groups: Sequence[str]) -> Iterator[str]:
    """The refusals of settings that are not known, or of another type than their default."""
    target = known.get("_target_")
    if given.get("_target_") != target or target == "???":
        return  # the user's own, whose arguments nobody knows here
    complete = str(target).startswith("hypernas.") if target else at.split(".")[0] not in groups
    for key, value in given.items():
        name, default = f"{at}.{key}" if at else str(key), known.get(key)
        if key not in known and complete:
            yield _unknown(name, map(str, known))
        elif isinstance(value, dict) and isinstance(default, dict):
            yield from _unlike(default, value, name, groups)
        elif isinstance(default, bool | int | float | list) and not (target and complete):
            wrong = misfit(value, [type(default), *([type(None)] if target else [])])
            if wrong:
                yield f"{name}: {wrong}"


def _under(package: str, values: object) -> dict:
    """Values in the place that a dotted name says."""
    first, *inner = package.split(".")
    for key in reversed(inner):
        values = {key: values}
    return {first: values}


def _merge(known: dict, more: Mapping) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(known.get(key), dict):
            _merge(known[key], value)
        else:
            known[key] = value
