"""hypernas search."""

from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from hypernas.cli.plain import given_overrides, plain, run_folder, trusted
from hypernas.distributed import join
from hypernas.reports.run.searches import draw
from hypernas.runs.console import next_steps, say
from hypernas.runs.fronts import front_text
from hypernas.runs.search import FRONT, search
from hypernas.runs.trust import needed
from hypernas.training import Interrupted

_DONE = """
search    {folder}
"""
_FOUND = """\
best      {bin}hypernas export run={run} architecture={quoted}:best out=best.onnx{trust}
test      {bin}hypernas evaluate run={run} architecture={quoted}{trust}
page      {bin}hypernas report {run_path}
"""


def search_command(config: DictConfig) -> None:
    """Search in the folder that Hydra made; ranks of torchrun judge together, for rank 0."""
    with join(timeout=config.rank_timeout) as ranks:
        folder = Path(ranks.broadcast_object(str(run_folder())))
        console = Console(stderr=True, quiet=not ranks.first)
        settings, trust = plain(config), trusted(config)
        try:
            front = search(
                settings,
                folder,
                resume=config.resume is not None,
                overrides=given_overrides(),
                ranks=ranks,
                watch=lambda progress: say(console, str(progress)),
                trust=trust,
            )
        except KeyboardInterrupt:
            own = [*trust, *needed(settings)]
            text = "go on by: {bin}hypernas search resume={quoted}{trust}"
            advice = next_steps(text, folder, trust=own)
            raise Interrupted(f"stopped; {advice}") from None
    if front is not None:
        draw(folder)
        print(front_text(front))
        print(next_steps(_DONE, folder), end="")
        print(next_steps(_FOUND, folder / FRONT, run=Path(config.run), trust=trust), end="")
