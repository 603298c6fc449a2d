"""hypernas grow."""

import signal
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from hypernas.cli.plain import given_overrides, plain, run_folder
from hypernas.distributed import join
from hypernas.runs.console import next_steps, say
from hypernas.runs.grow import grow
from hypernas.runs.trust import needed
from hypernas.training import Interrupted

_DONE = """
growth    {folder}
table     {bin}hypernas evaluate run={quoted}{trust}
export    {bin}hypernas export run={quoted} architecture=largest out=grown.onnx{trust}
"""


def grow_command(config: DictConfig) -> dict[str, float]:
    """Train members, grow, and train on, in the folder that Hydra made, or go on with that; returns the last figures."""
    with join(timeout=config.rank_timeout) as ranks:
        folder = Path(ranks.broadcast_object(str(run_folder())))
        console, settings = Console(stderr=True, quiet=not ranks.first), plain(config)
        own = needed(settings)
        try:
            done = grow(
                settings,
                folder,
                resume=config.resume is not None,
                fallback=config.fallback,
                overrides=given_overrides(),
                ranks=ranks,
                tell=lambda text: say(console, text),
            )
        except KeyboardInterrupt as stop:  # between phases too
            text = "go on by: {bin}hypernas grow resume={quoted}{trust}"
            advice = next_steps(text, folder, trust=own)
            number = stop.number if isinstance(stop, Interrupted) else signal.SIGINT
            raise Interrupted(f"{str(stop) or 'stopped'}; {advice}", number=number) from None
        if ranks.first:
            print(next_steps(_DONE, folder, trust=own), end="")
        return done.figures or {}
