"""hypernas evaluate."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hypernas.cli.plain import plain, trusted
from hypernas.distributed.device import use_threads
from hypernas.evaluation import mean
from hypernas.runs.console import say
from hypernas.runs.evaluate import (
    SPLITS,
    check_place,
    chosen_subnets,
    measure,
    place_of,
    rows,
    standalone_training,
    write_table,
)
from hypernas.runs.load import load
from hypernas.runs.settings import check_whole

Item = TypeVar("Item")


def evaluate_command(config: DictConfig) -> None:
    """Print, and write as CSV, what the subnets of a run cost and how good they are."""
    settings = plain(config)
    _check(settings)
    use_threads(settings["threads"])
    asked = settings["architecture"]
    asked = asked if isinstance(asked, list) else [] if asked is None else [asked]
    run = load(settings["run"], trust=trusted(config))
    out = settings["out"]
    if out is None:
        out = place_of(run.folder, asked, settings["split"])
    else:
        check_place(out := Path(out), overwrite=settings["overwrite"])
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
        asked,
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
    found = list(tracked(measured, len(chosen), "evaluating"))
    console = Console() if sys.stdout.isatty() else Console(width=150)
    table = rows(found)
    title = f"{settings['run']}, step {run.step}, {settings['split']} split"
    console.print(_table(table, title, width=console.width))
    random = [evaluation for evaluation in found if evaluation.label.startswith("random")]
    if random:
        name = next(iter(found[0].calibrated))
        console.print(f"mean {name} of {len(random)} random subnets: {mean(random, name):.4f}")
    if alone is not None:
        compared = alone.compare(
            found,
            split=settings["split"],
            track=lambda jobs, num: tracked(jobs, num, "training subnets alone"),
        )
        say(console, compared.note)
        say(console, compared.text())
        for row, value in zip(table, compared.standalone.mean(0), strict=True):
            row[f"standalone_{compared.measure.name}"] = float(value)
    free = settings["out"] is None
    out = write_table(out, table, overwrite=settings["overwrite"], numbered=free)
    say(console, f"written to {out}")


def _check(settings: dict[str, Any]) -> None:
    if settings["split"] not in SPLITS:
        raise ValueError(f"split must be train, validation or test, got {settings['split']!r}.")
    if settings["standalone"] and settings["split"] == "train":
        raise ValueError("standalone=true compares on validation or test, got split=train.")
    check_whole(settings, subnets=0, calibration_batches=1, seed=0)


def tracked(items: Iterable[Item], num: int, doing: str) -> Iterable[Item]:
    """The items, with a bar on a terminal."""
    return track(
        items,
        description=doing,
        total=num,
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


def _table(table: Sequence[dict[str, Any]], title: str, *, width: int) -> Table:
    """A row for each subnet, on a line: an architecture that is too long is cut, and whole in the file."""
    measures = [name for name in table[0] if name not in _COLUMNS]
    shown = [name for name in measures if name.endswith(measures[0].rpartition("_")[2])]
    head = ["subnet", "parameters", "MFLOPs", *(name.replace("_", " ", 1) for name in shown)]
    cells = [
        [
            row["subnet"],
            f"{row['parameters']:,}",
            f"{row['mflops']:.3g}",
            *(f"{row[name]:.4f}" for name in shown),
        ]
        for row in table
    ]
    taken = sum(max(map(len, column)) for column in zip(head, *cells, strict=True))
    room = max(16, width - taken - 3 * (len(head) + 1) - 1)  # of borders and spaces
    found = Table(title=title, caption="MFLOPs of one example, 2 operations for each multiply-add")
    found.add_column(head[0], no_wrap=True)
    found.add_column("architecture", no_wrap=True)
    for name in head[1:]:
        found.add_column(name, justify="right")
    for row, (label, *rest) in zip(table, cells, strict=True):
        text = row["architecture"].replace('"', "")
        found.add_row(label, text if len(text) <= room else f"{text[: room - 1]}…", *rest)
    return found


_COLUMNS = ("subnet", "architecture", "parameters", "mflops")
