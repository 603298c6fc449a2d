"""The command `hypernas`."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

import hypernas
from hypernas.cli.evaluate import evaluate_run
from hypernas.cli.export import export_run
from hypernas.cli.grow import grow
from hypernas.cli.phases import growth_around
from hypernas.cli.report import report
from hypernas.cli.run_folder import overrides
from hypernas.cli.study import study
from hypernas.cli.telling import next_steps
from hypernas.cli.train import train
from hypernas.distributed import RankLost, launched
from hypernas.training import Diverged

_JOBS: dict[str, Callable[[DictConfig], None]] = {  # configured by Hydra
    "train": train,
    "evaluate": evaluate_run,
    "export": export_run,
    "grow": grow,
    "study": study,
}
_RUNS = ("train", "grow")  # have a folder, and go on with it by resume=
_PLAIN: dict[str, Callable[[list[str]], None]] = {"report": report}  # read their own arguments
_HELP = f"""hypernas {hypernas.__version__}: one generator writes the weights of every subnet of a search space.

  hypernas train      train a generator over a search space
  hypernas evaluate   measure subnets of a trained generator
  hypernas export     write one subnet as a plain module
  hypernas grow       grow a large network from trained small ones, and train it on
  hypernas study      compare generators at equal compute, against stand-alone training
  hypernas report     make tables, figures and a page of studies and runs

hypernas COMMAND --help tells the settings. An error exits with status 2 and one message; set
HYPERNAS_TRACEBACK=1 to see where it arose.
"""
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
)


def main() -> None:
    """Run a command; refusals exit with status 2, a key press with 130."""
    command, *arguments = sys.argv[1:] or ["--help"]
    if command in ("--help", "-h", "help"):
        print(_HELP, end="")
    elif command in ("--version", "-V"):
        print(hypernas.__version__)
    elif command not in (*_JOBS, *_PLAIN):
        _refuse(f"there is no command {command!r}, expected one of {[*_JOBS, *_PLAIN]}.")
    else:
        try:
            if command in _PLAIN:
                _PLAIN[command](arguments)
            else:
                _run(command, arguments)
        except KeyboardInterrupt as stop:
            if launched().rank == 0:
                print(f"\nhypernas: {stop or 'stopped'}", file=sys.stderr)
            sys.exit(130)
        except Exception as error:
            _refuse_error(error)


def configs() -> Path:
    """The folder of configurations: inside an installed package, else the project's own."""
    inside = Path(hypernas.__file__).parent / "configs"
    return inside if inside.is_dir() else inside.parent.parent / "configs"


def _run(command: str, arguments: list[str]) -> None:
    if command in _RUNS:
        arguments = _resumed(command, arguments)
    if command == "train":
        arguments = _ranked(arguments)
    elif launched().size > 1:
        raise ValueError(f"hypernas {command} runs in one process: start it without torchrun.")
    sweep = {"--multirun", "-m"}  # between settings, argparse would not know what follows
    arguments = sorted(arguments, key=lambda argument: argument not in sweep)
    sys.argv = [f"hypernas {command}", *arguments]
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # where a user's own modules are
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let errors reach us

    def task(config: DictConfig) -> None:
        try:
            _JOBS[command](config)
        except Exception as error:  # told here, before Hydra adds to it
            if command in _RUNS:
                _remove_if_empty(Path(HydraConfig.get().runtime.output_dir))
            _refuse_error(error)

    hydra.main(version_base="1.3", config_path=str(configs()), config_name=command)(task)()


def _resumed(command: str, arguments: list[str]) -> list[str]:
    """With `resume=FOLDER`: that run's own overrides first, and its folder."""
    folders = [a.removeprefix("resume=") for a in arguments if a.startswith("resume=")]
    if not folders or folders[-1] in ("null", ""):
        return arguments
    growth = growth_around(Path(folders[-1]))
    if command == "train" and growth is not None:
        advice = next_steps("go on with it by hypernas grow resume={quoted}", growth)
        raise ValueError(
            f"{folders[-1]} is of a growth, which hypernas train cannot go on with: {advice}."
        )
    stored = [o for o in overrides(folders[-1]) if not o.startswith(("resume=", "hydra."))]
    return [*stored, *arguments, f"hydra.run.dir={folders[-1]}"]


def _ranked(arguments: list[str]) -> list[str]:
    """Under torchrun: only rank 0 has a folder made by Hydra, whose name may be the time."""
    ranks = launched()
    if ranks.size > 1 and {"--multirun", "-m"} & set(arguments):
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


def _refuse_error(error: BaseException) -> None:
    if os.environ.get("HYPERNAS_TRACEBACK"):
        raise error
    cause = error
    while isinstance(cause, HydraException) and cause.__cause__ is not None:
        cause = cause.__cause__  # what a constructor said, not where Hydra called it
    notes = "".join(f"\n{note}" for note in getattr(cause, "__notes__", ()))
    _, called, key = str(error).rpartition("full_key: ")
    if isinstance(cause, TypeError) and called:
        notes += f"\nThis came of the settings of {key}."
    if isinstance(cause, _EXPECTED):
        _refuse(_words(cause) + notes)
    _refuse(f"{type(cause).__name__}: {cause}{notes}\nHYPERNAS_TRACEBACK=1 shows where it arose.")


def _words(error: BaseException) -> str:
    """What an error says; of a misspelt or missing setting, also what there is."""
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
        there = sorted(str(key) for key in error.parent_node)
        return f"there is no setting {error.full_key}, expected one of {there}."
    return str(error) or type(error).__name__


def _refuse(message: str) -> None:
    rank = launched().rank
    print(f"hypernas: {f'rank {rank}: ' if rank else ''}{message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
