"""hypernas replay."""

from omegaconf import DictConfig

from hypernas.cli.plain import plain, trusted
from hypernas.distributed.device import use_threads
from hypernas.runs.replay import replay


def replay_command(config: DictConfig) -> None:
    """Print where a step that a run kept computed what is no number."""
    settings = plain(config)
    use_threads(settings["threads"])
    found = replay(
        settings["run"], step=settings["step"], trust=trusted(config), device=settings["device"]
    )
    print(found.text())
