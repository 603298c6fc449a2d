"""hypernas finetune."""

from pathlib import Path

from omegaconf import DictConfig

from hypernas.cli.evaluate import tracked
from hypernas.cli.plain import plain, trusted
from hypernas.distributed.device import use_threads
from hypernas.exports import refuse
from hypernas.runs.evaluate import free_path, write_table
from hypernas.runs.finetune import Course, export_finetuned, finetune
from hypernas.runs.load import load


def finetune_command(config: DictConfig) -> None:
    """Train a subnet on and alone; print and write what inheriting was worth."""
    settings = plain(config)
    use_threads(settings["threads"])
    if settings["out"] is not None:
        refuse(Path(settings["out"]), overwrite=False)  # before anything is trained
    run = load(settings["run"], trust=trusted(config))
    found = finetune(
        run,
        settings["architecture"],
        course=Course(**settings["course"]),
        device=settings["device"],
        track=lambda jobs: tracked(jobs, len(jobs), "training"),
    )
    table = write_table(free_path(run.folder / "finetune.csv"), found.rows(), numbered=True)
    print(f"{found.text()}\nwritten to {table}")
    if settings["out"] is not None:
        print(f"the first seed's network: {export_finetuned(run, found, settings['out']).path}")
