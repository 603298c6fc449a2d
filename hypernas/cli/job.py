"""The job of a command: its settings, made by Hydra of its arguments, and its function."""

import hashlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from hypernas.cli.plain import plain, trusted
from hypernas.cli.refusals import check, refuse
from hypernas.cli.sweep import Figures, do, in_sweep
from hypernas.distributed import launched
from hypernas.runs.config_files import configs
from hypernas.runs.console import next_steps, value
from hypernas.runs.overrides import called, stored_overrides
from hypernas.runs.phases import growth_around
from hypernas.runs.trust import check_trusted

_RUNS = ("train", "grow", "search", "continual")  # have a folder, and go on with it by resume=
_SWEPT = ("train", "grow", "continual")  # of which a sweep goes on, job by job
_PARTS = ("train", "grow", "check", "plan", "study", "continual")  # by the user's own settings
_OF_RANKS = ("train", "search", "grow")  # may be started by torchrun
_SWEEP = {"--multirun", "-m"}
_LONGEST = 120  # characters of a folder's name, of which systems of files allow 255 bytes


def folder_name(overrides: str) -> str:
    """The name of a folder of a sweep: its overrides, in characters that need no quotes.

    What is left out or cut off has a digest in its place, so that two names never become one.
    """
    plain = re.sub(r"[^\w.=,-]+", "", overrides, flags=re.ASCII).replace("=", "-").replace(",", "_")
    if re.fullmatch(r"[\w.=,-]*", overrides, re.ASCII) and len(plain) <= _LONGEST:
        return plain
    digest = hashlib.sha256(overrides.encode()).hexdigest()[:8]
    return f"{plain[:_LONGEST]}_{digest}"


OmegaConf.register_new_resolver("hypernas.folder", folder_name, replace=True)  # of sweeps


def run(
    command: str, arguments: Sequence[str], function: Callable[[DictConfig], Figures | None]
) -> None:
    """Call the function of a command with its settings, for each job of a sweep if it is one."""
    own = called(arguments)
    if command in _RUNS:
        arguments = _resumed(command, arguments)
    if command in _OF_RANKS:
        arguments = _ranked(arguments)
    elif launched().size > 1:
        raise ValueError(f"hypernas {command} runs in one process: start it without torchrun.")
    # Between settings, argparse would not know what follows --multirun.
    arguments = sorted(arguments, key=lambda argument: argument not in _SWEEP)
    sys.argv = [f"hypernas {command}", *arguments]
    # Beside a stranger's run may lie modules that are called as those of others.
    if os.getcwd() not in sys.path and (own or _imports_own(command, arguments)):
        sys.path.insert(0, os.getcwd())  # where a user's own modules are
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let errors reach us

    def check_job(config: DictConfig) -> None:
        if config.get("resume"):
            check_trusted(plain(config), trusted(config), source=config.resume, given=own)
        check(command, config, HydraConfig.get().runtime.choices)

    def task(config: DictConfig) -> None:
        if command in _SWEPT and in_sweep():
            do(config, check_job, function)
            return
        try:
            check_job(config)
            function(config)
        except Exception as error:  # told here, before Hydra adds to it
            if command in _RUNS:
                _remove_if_empty(Path(HydraConfig.get().runtime.output_dir))
            refuse(error)

    hydra.main(version_base="1.3", config_path=str(configs()), config_name=command)(task)()


def _resumed(command: str, arguments: Sequence[str]) -> list[str]:
    """With `resume=FOLDER`: that run's own overrides first, and its folder."""
    given = [argument for argument in arguments if argument.startswith("resume=")]
    folder = OverridesParser.create().parse_override(given[-1]).value() if given else None
    if folder in (None, ""):
        return [*arguments]
    growth = growth_around(Path(str(folder)))
    if command == "train" and growth is not None:
        advice = next_steps("go on with it by hypernas grow resume={quoted}", growth)
        raise ValueError(
            f"{folder} is of a growth, which hypernas train cannot go on with: {advice}."
        )
    return [
        *stored_overrides(str(folder), arguments),
        *arguments,
        f"hydra.run.dir={value(str(folder))}",
    ]


def _imports_own(command: str, arguments: Sequence[str]) -> bool:
    """True if settings of a command may import modules of the user: his own, or those he trusts."""
    given = [argument.partition("=")[0] for argument in arguments]
    return "trust" in given or (command in _PARTS and "resume" not in given)


def _ranked(arguments: Sequence[str]) -> Sequence[str]:
    """Under torchrun: only rank 0 has a folder made by Hydra, whose name may be the time."""
    ranks = launched()
    if ranks.size > 1 and _SWEEP & set(arguments):
        raise ValueError(
            "ranks train one generator together; a sweep has one process a run: start it without "
            "torchrun, and let one of Hydra's launchers spread the runs (hydra/launcher=joblib)."
        )
    return arguments if ranks.rank == 0 else [*arguments, "hydra.run.dir=."]


def _remove_if_empty(folder: Path) -> None:
    """Drop the folder Hydra made for a run that did not begin, and those it made around it."""
    for made in (folder, folder.parent, folder.parent.parent):
        if made == Path.cwd() or not made.is_dir() or any(made.iterdir()):
            return
        made.rmdir()
