"""What do generated weights cost: time of a step, memory, and how both grow?

    python experiments/speed/run.py                  everything, a quarter of an hour; writes results.csv
    python experiments/speed/run.py --quick          half a minute; two targets, few arms, not all measures; writes nothing
    python experiments/speed/run.py --device cuda    on a GPU, its rows beside those of the CPU
    python experiments/speed/run.py --only mixing,skeletons      some measures; the other rows stay

Everything is a ratio, of arms that take turns in one process with one thread. See README.md.
"""

import argparse
import csv
from pathlib import Path

import measures
import torch
import translators
from banks import banks
from clock import Clock, Row
from compiling import compiling
from elastic import ELASTIC
from entries import entries
from large_bank import large_bank
from memory import memory
from targets import tasks
from throughput import throughput

from hypernas.evaluation import write_csv

RESULTS = Path(__file__).parent / "results.csv"
MEASURES = (
    "steps",
    "elastic",
    "peers",
    "mixing",
    "growth",
    "skeletons",
    "resolution",
    "search",
    "memory",
    "large_bank",
    "compiling",
    "banks",
    "entries",
    "throughput",
    "decoding",
    "translators",
)
LONG = (
    "memory",
    "large_bank",
    "compiling",
    "entries",
    "throughput",
)  # processes of their own, a compiler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="half a minute, and nothing is written"
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--only", default=",".join(MEASURES), help="measures, by commas")
    parser.add_argument("--targets", help="some targets, by commas; the rows of the others stay")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    if unknown := set(wanted) - set(MEASURES):
        parser.error(f"no such measures: {sorted(unknown)}; there are {list(MEASURES)}")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    quick = arguments.quick
    device = torch.device(arguments.device)
    clock = Clock(device, scale=0.2 if quick else 1.0, rounds=(5, 20) if quick else (7, 60))
    some = arguments.targets.split(",") if arguments.targets else None
    some = ("resnet20", "mlp") if quick else some
    targets = [task for task in tasks(device) if some is None or task.name in some]
    for name in wanted:
        if quick and name in LONG:
            continue
        if name == "steps":
            for task in targets:
                names = ("shared", "hypernas") if quick else tuple(measures.GENERATORS)
                measures.steps(clock, task, names=names)
        elif name == "elastic":
            for task in [task for task in targets if task.name in ELASTIC]:
                measures.elastic(clock, task)
                if not quick:
                    measures.shapes(clock, task)
        elif name == "banks":
            for task in [task for task in targets if task.name in ("resnet20", "mlp", "vit_small")]:
                banks(clock, task)
        elif name == "entries":
            entries(clock, next(task for task in targets if task.name == "transformer"))
        elif name == "throughput":
            throughput(clock)
        elif name == "decoding":
            translators.decoding(clock)
        elif name == "translators":
            translators.training(clock)
        elif name == "resolution":
            for task in targets:
                measures.resolution(clock, task)
        elif name == "peers":
            for task in targets[1 if quick else 0 : 2]:
                measures.peers(clock, task)
        elif name == "search":
            measures.search(clock, targets[0])
        elif name == "compiling":
            for task in targets[: 2 if device.type == "cpu" else None]:
                compiling(clock, task)
        elif name == "memory":
            memory(clock)
        elif name == "large_bank":
            large_bank(clock)
        else:
            getattr(measures, name)(clock)
        if not quick:
            write_csv(RESULTS, merged(clock.rows))


def merged(rows: list[Row]) -> list[Row]:
    """The new rows, and those of the file that they do not replace: other devices, measures, or targets."""
    if not RESULTS.exists():
        return rows
    with RESULTS.open() as file:
        before = list(csv.DictReader(file))
    fresh = set(map(_what, rows))
    return [row for row in before if _what(row) not in fresh] + rows


def _what(row: Row) -> tuple[str | int | float, ...]:
    return row["measure"], row["target"], row["device"]


if __name__ == "__main__":
    main()
