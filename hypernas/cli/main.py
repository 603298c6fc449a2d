"""The command `hypernas`."""

import importlib
import os
import sys

import hypernas
from hypernas.runs.config_files import configs
from hypernas.storage.streams import keep_standard_streams

_COMMANDS = {  # name -> "module:function", imported when it is run; and what it does
    "train": ("hypernas.cli.train:train_command", "train a generator over a search space"),
    "check": ("hypernas.cli.check:check_command", "prove that a space's subnets are cut rightly"),
    "search": ("hypernas.cli.search:search_command", "find the best subnets within limits"),
    "evaluate": ("hypernas.cli.evaluate:evaluate_command", "measure subnets of a generator"),
    "finetune": ("hypernas.cli.finetune:finetune_command", "train a subnet on, and one alone"),
    "export": ("hypernas.cli.export:export_command", "write one subnet as a plain module"),
    "freeze": ("hypernas.cli.freeze:freeze_command", "make what follows inputs one network"),
    "translate": ("hypernas.cli.translate:translate_command", "translate sentences by subnets"),
    "grow": ("hypernas.cli.grow:grow_command", "grow a large network from trained small ones"),
    "plan": ("hypernas.cli.plan:plan_command", "tell the load of links when ranks train together"),
    "continual": ("hypernas.cli.continual:continual_command", "learn one task after another"),
    "replay": ("hypernas.cli.replay:replay_command", "show where a step went wrong"),
    "study": ("hypernas.cli.study:study_command", "compare generators at equal compute"),
    "describe": ("hypernas.cli.describe:describe", "list published systems, tests and studies"),
    "report": ("hypernas.cli.report:report", "make tables, figures and a page of studies and runs"),
}
_HELP = """hypernas {version}: one generator writes the weights of every subnet of a search space.

{commands}

hypernas COMMAND --help tells the settings. An error exits with status 2 and one message; set
HYPERNAS_TRACEBACK=1 to see where it arose.
"""


def main() -> None:
    """Run a command; refusals exit with status 2, Ctrl-C with 130, SIGTERM with 143."""
    keep_standard_streams()
    command, *arguments = sys.argv[1:] or ["--help"]
    if command in ("--help", "-h", "help"):
        commands = "\n".join(f"  hypernas {c:<10} {about}" for c, (_, about) in _COMMANDS.items())
        print(_HELP.format(version=hypernas.__version__, commands=commands), end="")
    elif command in ("--version", "-V"):
        print(hypernas.__version__)
    elif command not in _COMMANDS:
        print(
            f"hypernas: there is no command {command!r}, expected one of {[*_COMMANDS]}.",
            file=sys.stderr,
        )
        sys.exit(2)
    else:
        _run(command, arguments)


def _run(command: str, arguments: list[str]) -> None:
    module, _, name = _COMMANDS[command][0].partition(":")
    try:
        if not (configs() / f"{command}.yaml").is_file():  # it reads its own arguments
            getattr(importlib.import_module(module), name)(arguments)
        elif {"--help", "-h"} & set(arguments):
            from hypernas.cli.help import help_of

            print(help_of(command, arguments), end="")
        else:
            from hypernas.cli.job import run

            run(command, arguments, getattr(importlib.import_module(module), name))
        sys.stdout.flush()  # a full disk is told here, not by the interpreter's end
    except KeyboardInterrupt as stop:
        if os.environ.get("RANK", "0") == "0":
            print(f"\nhypernas: {stop or 'stopped'}", file=sys.stderr)
        sys.exit(getattr(stop, "status", 130))
    except Exception as error:
        from hypernas.cli.refusals import refuse

        refuse(error)


if __name__ == "__main__":
    main()
