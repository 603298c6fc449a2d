"""The command `hypernas`."""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import hypernas
from hypernas.cli.console import folder_name, next_steps, value
from hypernas.runs.config_files import configs

_COMMANDS = {  # name -> "module:function", imported when it is run; and what it does
    "train": ("hypernas.cli.train:train_command", "train a generator over a search space"),
    "evaluate": (
        "hypernas.cli.evaluate:evaluate_command",
        "measure subnets of a trained generator",
    ),
    "export": ("hypernas.cli.export:export_command", "write one subnet as a plain module"),
    "grow": (
        "hypernas.cli.grow:grow_command",
        "grow a large network from trained small ones, and train it on",
    ),
    "study": (
        "hypernas.cli.study:study_command",
        "compare generators at equal compute, against stand-alone training",
    ),
    "report": ("hypernas.cli.report:report", "make tables, figures and a page of studies and runs"),
}
_RUNS = ("train", "grow")  # have a folder, and go on with it by resume=
_HELP = """hypernas {version}: one generator writes the weights of every subnet of a search space.

{commands}

hypernas COMMAND --help tells the settings. An error exits with status 2 and one message; set
HYPERNAS_TRACEBACK=1 to see where it arose.
"""


def main() -> None:
    """Run a command; refusals exit with status 2, a key press with 130."""
    command, *arguments = sys.argv[1:] or ["--help"]
    if command in ("--help", "-h", "help"):
        commands = "\n".join(f"  hypernas {c:<10} {about}" for c, (_, about) in _COMMANDS.items())
        print(_HELP.format(version=hypernas.__version__, commands=commands), end="")
    elif command in ("--version", "-V"):
        print(hypernas.__version__)
    elif command not in _COMMANDS:
        _refuse(f"there is no command {command!r}, expected one of {[*_COMMANDS]}.")
    else:
        try:
            _run(command, arguments)
        except KeyboardInterrupt as stop:
            if _rank() == 0:
                print(f"\nhypernas: {stop or 'stopped'}", file=sys.stderr)
            sys.exit(130)
        except Exception as error:
            _refuse_error(error)


def _run(command: str, arguments: list[str]) -> None:
    if not (configs() / f"{command}.yaml").is_file():  # reads its own arguments
        _function(command)(arguments)
    elif {"--help", "-h"} & set(arguments):
        from hypernas.cli.help import help_of

        print(help_of(command, arguments), end="")
    else:
        _configure(command, arguments)


def _function(command: str) -> Callable[..., None]:
    module, _, name = _COMMANDS[command][0].partition(":")
    return getattr(importlib.import_module(module), name)


def _configure(command: str, arguments: list[str]) -> None:
    """Run a command with the settings that Hydra makes of its arguments."""
    if command in _RUNS:
        arguments = _resumed(command, arguments)
    if command == "train":
        arguments = _ranked(arguments)
    elif _size() > 1:
        raise ValueError(f"hypernas {command} runs in one process: start it without torchrun.")
    sweep = {"--multirun", "-m"}  # between settings, argparse would not know what follows
    arguments = sorted(arguments, key=lambda argument: argument not in sweep)
    sys.argv = [f"hypernas {command}", *arguments]
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # where a user's own modules are
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let errors reach us

    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig, OmegaConf

    from hypernas.cli.refusals import check

    OmegaConf.register_new_resolver("hypernas.folder", folder_name, replace=True)

    def task(config: DictConfig) -> None:
        try:
            check(command, config, HydraConfig.get().runtime.choices)
            _function(command)(config)
        except Exception as error:  # told here, before Hydra adds to it
            if command in _RUNS:
                _remove_if_empty(Path(HydraConfig.get().runtime.output_dir))
            _refuse_error(error)

    hydra.main(version_base="1.3", config_path=str(configs()), config_name=command)(task)()


def _resumed(command: str, arguments: list[str]) -> list[str]:
    """With `resume=FOLDER`: that run's own overrides first, and its folder."""
    folders = [a for a in arguments if a.startswith("resume=")]
    if not folders:
        return arguments

    from hydra.core.override_parser.overrides_parser import OverridesParser

    from hypernas.runs.folder import read_overrides
    from hypernas.runs.phases import growth_around

    folder = OverridesParser.create().parse_override(folders[-1]).value()
    if folder in (None, ""):
        return arguments
    growth = growth_around(Path(str(folder)))
    if command == "train" and growth is not None:
        advice = next_steps("go on with it by hypernas grow resume={quoted}", growth)
        raise ValueError(
            f"{folder} is of a growth, which hypernas train cannot go on with: {advice}."
        )
    stored = [o for o in read_overrides(str(folder)) if not o.startswith(("resume=", "hydra."))]
    return [*stored, *arguments, f"hydra.run.dir={value(str(folder))}"]


def _ranked(arguments: list[str]) -> list[str]:
    """Under torchrun: only rank 0 has a folder made by Hydra, whose name may be the time."""
    if _size() > 1 and {"--multirun", "-m"} & set(arguments):
        raise ValueError(
            "ranks train one generator together; a sweep has one process a run: start it without "
            "torchrun, and let one of Hydra's launchers spread the runs (hydra/launcher=joblib)."
        )
    return arguments if _rank() == 0 else [*arguments, "hydra.run.dir=."]


def _rank() -> int:
    return int(os.environ.get("RANK", "0"))


def _size() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def _remove_if_empty(folder: Path) -> None:
    """Drop the folder Hydra made for a run that did not begin, and those it made around it."""
    for made in (folder, folder.parent, folder.parent.parent):
        if made == Path.cwd() or not made.is_dir() or any(made.iterdir()):
            return
        made.rmdir()


def _refuse_error(error: BaseException) -> None:
    if os.environ.get("HYPERNAS_TRACEBACK"):
        raise error
    from hypernas.cli.refusals import message

    _refuse(message(error))


def _refuse(message: str) -> None:
    print(f"hypernas: {f'rank {_rank()}: ' if _rank() else ''}{message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
