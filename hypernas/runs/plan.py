"""Planning of the collectives that a run would make: its bytes, and files of what they load."""

import math
from functools import partial
from pathlib import Path
from typing import Any

from hypernas.distributed.stacks import divisible, stacks_of
from hypernas.evaluation import write_csv
from hypernas.generators import Generator
from hypernas.planning import Plan, delivery, halving_doubling, plan, ring
from hypernas.runs.assembly import part, space_of
from hypernas.runs.settings import Settings, check_whole

_FILES = ("links.csv", "splits.csv")
_FLOAT32 = 4  # bytes


def planned(settings: Settings) -> tuple[Plan, Any]:
    """The plan of the settings of `hypernas plan`, and the bytes that it is of.

    Raises:
        ValueError: if no run makes the collective and no bytes are given, or something does not fit the fabric.
    """
    check_whole(settings, draws=1, seed=0)
    fabric = part(settings, "fabric")
    num_ranks = fabric.num_hosts if settings["ranks"] is None else settings["ranks"]
    check_whole({"ranks": num_ranks}, ranks=2)
    collective = part(settings, "collective")
    num_bytes = settings["bytes"]
    if num_bytes is None:
        num_bytes = _bytes_of_run(settings, collective, num_ranks)
    steps = collective(num_ranks, num_bytes)
    draws = {"num_draws": settings["draws"], "seed": settings["seed"]}
    return plan(fabric, steps, **draws), num_bytes


def check_files(out: Path, *, overwrite: bool) -> None:
    """Refuse to replace files of an earlier plan.

    Raises:
        FileExistsError: if one is there, and may not be replaced.
    """
    there = [str(out / name) for name in _FILES if (out / name).exists()]
    if there and not overwrite:
        told = " and ".join(there)
        raise FileExistsError(f"{told}: there already. Give another out=, or overwrite=true.")


def write(out: Path, made: Plan, *, overwrite: bool) -> None:
    """Write the load of every link, and which flows are split; of no split there is no file."""
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in zip(_FILES, (list(made.links()), made.splits()), strict=True):
        if rows:
            write_csv(out / name, rows, overwrite=overwrite)
        elif overwrite:
            (out / name).unlink(missing_ok=True)


def _bytes_of_run(settings: Settings, collective: Any, num_ranks: int) -> float | list[float]:
    """The bytes of what ranks are to have alike: of gradients, or of weights by the rank that mixes them."""
    called = collective.func if isinstance(collective, partial) else collective
    if called not in (ring, halving_doubling, delivery):
        raise ValueError(
            "bytes is missing: no training of hypernas makes this collective, so give bytes=..., of "
            "a dispatch those of a token. Of ring, halving_doubling and delivery the configured run tells."
        )
    generator = part(settings, "generator")(space=space_of(settings, part(settings, "data")))
    if called is delivery:
        return mixed_bytes(generator, num_ranks)
    return _FLOAT32 * sum(parameter.numel() for parameter in generator.parameters())


def mixed_bytes(generator: Generator, num_ranks: int) -> list[float]:
    """Bytes of the largest subnet's weights that each rank mixes where ranks divide the banks.

    Raises:
        ValueError: if they cannot be divided among so many ranks: see `hypernas.distributed.ShardedBanks`.
    """
    mixture = divisible(generator)
    weights = mixture.slices(mixture.space.largest())
    found = [0.0] * num_ranks
    for stack in stacks_of(mixture, num_ranks):
        found[stack.rank] += sum(_FLOAT32 * math.prod(weights[n].shape) for n in stack.readers)
    return found
