"""hypernas evaluate."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hypernas.cli.plain import plain
from hypernas.evaluation import mean, write_csv
from hypernas.runs.console import say
from hypernas.runs.evaluate import (
    SPLITS,
    chosen_subnets,
    free_path,
    measure,
    rows,
    standalone_training,
)
from hypernas.runs.load import load
from hypernas.runs.settings import check_whole

Item = TypeVar("Item")


def evaluate_command(config: DictConfig) -> None:
    """Print, and write as CSV, what the subnets of a run cost and how good they are."""
    settings = plain(config)
    _check(settings)
    if settings["threads"] is not None:
        torch.set_num_threads(settings["threads"])
    asked = settings["architecture"]
    run = load(settings["run"])
    out = _place(settings, run.folder)
    alone = None
    if settings["standalone"]:
        alone = standalone_training(
            run,
            **settings["recipe"],
            folder=settings["references"],
            calibration_batches=settings["calibration_batches"],
            device=settings["device"],
        )
    chosen = chosen_subnets(
        run,
        asked if isinstance(asked, list) else [] if asked is None else [asked],
        num=settings["subnets"],
        seed=settings["seed"],
        spread=alone is not None,
    )
    measured = measure(
        run,
        chosen,
        split=settings["split"],
        calibration_batches=settings["calibration_batches"],
        device=settings["device"],
    )
    found = list(_tracked(measured, len(chosen), "evaluating"))
    console = Console() if sys.stdout.isatty() else Console(width=150)
    table = rows(found)
    console.print(_table(table, f"{settings['run']}, step {run.step}, {settings['split']} split"))
    random = [evaluation for evaluation in found if evaluation.label.startswith("random")]
    if random:
        name = next(iter(found[0].calibrated))
        console.print(f"mean {name} of {len(random)} random subnets: {mean(random, name):.4f}")
    if alone is not None:
        compared = alone.compare(
            found,
            split=settings["split"],
            track=lambda jobs, num: _tracked(jobs, num, "training subnets alone"),
        )
        say(console, compared.note)
        say(console, compared.text())
        for row, value in zip(table, compared.standalone.mean(0), strict=True):
            row[f"standalone_{compared.measure.name}"] = float(value)
    write_csv(out, table)
    say(console, f"written to {out}")


def _check(settings: dict[str, Any]) -> None:
    if settings["split"] not in SPLITS:
        raise ValueError(f"split must be train, validation or test, got {settings['split']!r}.")
    if settings["standalone"] and settings["split"] == "train":
        raise ValueError("standalone=true compares on validation or test, got split=train.")
    check_whole(settings, subnets=0, calibration_batches=1, seed=0)


def _place(settings: dict[str, Any], folder: Path) -> Path:
    """The file to write: `out`, or a new one in the folder of the run."""
    if settings["out"] is None:
        return free_path(folder / "evaluation.csv")
    out = Path(settings["out"])
    if not out.parent.is_dir():
        raise FileNotFoundError(f"out={out}: there is no folder {out.parent}.")
    if out.exists():
        raise FileExistsError(f"out={out} exists: give another file; a table is never replaced.")
    return out


def _tracked(items: Iterable[Item], num: int, doing: str) -> Iterable[Item]:
    return track(
        items,
        description=doing,
        total=num,
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


def _table(table: Sequence[dict[str, Any]], title: str) -> Table:
    """A row for each subnet, on a line: what is too long ends in an ellipsis, and is in the file."""
    found = Table(title=title, caption="MFLOPs of one example, 2 operations for each multiply-add")
    measures = [name for name in table[0] if name not in _COLUMNS]
    shown = [name for name in measures if name.endswith(measures[0].rpartition("_")[2])]
    for name, wide in zip(("subnet", "architecture"), (8, 16), strict=True):
        found.add_column(name, no_wrap=True, overflow="ellipsis", min_width=wide)
    for name in ("parameters", "MFLOPs", *(name.replace("_", " ", 1) for name in shown)):
        found.add_column(name, justify="right", no_wrap=True)
    for row in table:
        values = [f"{row[name]:.4f}" for name in shown]
        found.add_row(
            row["subnet"],
            row["architecture"].translate(_PLAIN),
            f"{row['parameters']:,}",
            f"{row['mflops']:.3g}",
            *values,
        )
    return found


_COLUMNS = ("subnet", "architecture", "parameters", "mflops")
_PLAIN = str.maketrans("", "", '"')
