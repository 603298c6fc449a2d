"""hypernas train."""

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from hypernas.cli.plain import given_overrides, plain, run_folder
from hypernas.distributed import join
from hypernas.runs.console import next_steps, say
from hypernas.runs.train import train
from hypernas.runs.trust import needed
from hypernas.training import Interrupted

_DONE = """
run       {folder}
table     {bin}hypernas evaluate run={quoted}{trust}
a subnet  {bin}hypernas export run={quoted} architecture=smallest out=smallest.onnx{trust}
curves    {bin}tensorboard --logdir={path}
"""


def train_command(config: DictConfig) -> dict[str, float]:
    """Train in the folder that Hydra made; ranks of torchrun together, in that of rank 0.

    Returns:
        The figures of the last validation.
    """
    with join(timeout=config.rank_timeout) as ranks:
        folder = Path(ranks.broadcast_object(str(run_folder())))
        console, settings = Console(stderr=True, quiet=not ranks.first), plain(config)
        own = needed(settings)
        try:
            done = train(
                settings,
                folder,
                resume=config.resume is not None,
                fallback=config.fallback,
                overrides=given_overrides(),
                ranks=ranks,
                tell=lambda text: say(console, text),
            )
        except Interrupted as stop:
            text = "go on by: {bin}hypernas train resume={quoted}{trust}"
            advice = next_steps(text, folder, trust=own)
            raise Interrupted(f"{stop}; {advice}", number=stop.number) from None
        if ranks.first:
            print(next_steps(_DONE, folder, trust=own), end="")
        return done.figures or {}
