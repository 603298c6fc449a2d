"""hypernas continual."""

from omegaconf import DictConfig
from rich.console import Console

from hypernas.cli.plain import given_overrides, plain, run_folder
from hypernas.runs.console import next_steps, say
from hypernas.runs.continual import learn, summary
from hypernas.runs.trust import needed
from hypernas.training import Interrupted


def continual_command(config: DictConfig) -> dict[str, float]:
    """Learn a stream of tasks in the folder that Hydra made, or go on with it."""
    folder, console, settings = run_folder(), Console(stderr=True), plain(config)
    try:
        stream = learn(
            settings,
            folder,
            resume=config.resume is not None,
            overrides=given_overrides(),
            tell=lambda text: say(console, text),
        )
    except KeyboardInterrupt:
        text = "stopped; go on by: {bin}hypernas continual resume={quoted}{trust}"
        raise Interrupted(next_steps(text, folder, trust=needed(settings))) from None
    done = "\nstream            {folder}\npage              {bin}hypernas report {path}\n"
    print(f"{summary(stream)}{next_steps(done, folder)}", end="")
    return stream.matrix.figures()
