"""hypernas freeze."""

from pathlib import Path

from omegaconf import DictConfig

from hypernas.cli.plain import plain, trusted
from hypernas.distributed.device import use_threads
from hypernas.exports import refuse
from hypernas.runs.freeze import freeze
from hypernas.runs.load import load


def freeze_command(config: DictConfig) -> None:
    """Write the one network that the gates of a run agree on; print what it is worth."""
    settings = plain(config)
    use_threads(settings.pop("threads"))
    out = Path(settings.pop("out"))
    refuse(out, overwrite=settings["overwrite"])  # before anything is loaded
    found = freeze(load(settings.pop("run"), trust=trusted(config)), out, **settings)
    print(f"{found.export.path}\n{found.text()}")
