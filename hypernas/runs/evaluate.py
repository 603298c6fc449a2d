"""Evaluation of a run: subnets measured, and compared with training them alone."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypernas.border import checked
from hypernas.distributed.device import pick_device
from hypernas.evaluation import Evaluation, Recipe, write_csv
from hypernas.evaluation import evaluate as measured
from hypernas.evaluation.standalone import StandaloneTraining, stratified
from hypernas.runs.assembly import part, strategy_of, training_of
from hypernas.runs.folder import check_present
from hypernas.runs.fronts import names_front, point_of, points_of, test_table
from hypernas.runs.load import Run, opened
from hypernas.runs.settings import merged
from hypernas.sampling import sample_subnets
from hypernas.space.architecture import Architecture

if TYPE_CHECKING:
    from pandas import DataFrame

# an architecture: choices, largest, smallest, JSON, or FRONT.json:POINT; of choices under which LIKE names one, the others are its
Described = Mapping[str, Any] | str
LIKE = "like"
_NUMBER = re.compile(r"_\d+$")
SPLITS = ("train", "validation", "test")


@checked
def evaluate(
    run: Run | str | os.PathLike[str],
    *,
    subnets: int = 20,
    architectures: Sequence[Described] = (),
    split: str = "test",
    calibration_batches: int = 16,
    seed: int = 0,
    device: str = "auto",
) -> "DataFrame":
    """The cost and the measures of subnets of a run, a row each.

    Args:
        run: or its folder.
        subnets: random architectures beside the smallest and the largest.
        architectures: these instead; the file of a front stands for all of its points.
        split: train, validation or test.
        calibration_batches: training batches for the statistics of batch norms.
        seed: of the random architectures.

    Raises:
        ValueError: if the split, or an architecture, is unknown.
    """
    from pandas import DataFrame

    run = opened(run)
    chosen = chosen_subnets(run, architectures, num=subnets, seed=seed)
    found = list(
        measure(run, chosen, split=split, calibration_batches=calibration_batches, device=device)
    )
    return DataFrame(rows(found))


def chosen_subnets(
    run: Run, architectures: Sequence[Described], *, num: int, seed: int, spread: bool = False
) -> dict[str, Architecture]:
    """The subnets that are asked for, by label; of several fronts it tells the position in the list.

    Args:
        spread: take random ones spread over FLOPs, without the smallest and the largest.
    """
    if architectures:
        found: dict[str, Architecture] = {}
        several = sum(map(names_front, architectures)) > 1
        for i, given in enumerate(architectures):
            if isinstance(given, str) and names_front(given):
                label = f"front{i}" if several else "front"
                found |= points_of(run.space, given, label=label)
            else:
                found[f"subnet_{i}"] = described(run, given)
        return found
    if spread:
        return stratified(run.space, run.data, num, seed=seed)
    return sample_subnets(run.space, num, seed=seed)


def described(run: Run, architecture: Described) -> Architecture:
    """An architecture of a run, as a mapping, a word, the JSON that tables hold, or a front's point.

    A mapping such as {"like": "largest", "depth": 1} is another architecture but for the choices that it has.

    Raises:
        ValueError: if it is none.
        FileNotFoundError: if a front's file is not there.
    """
    if isinstance(architecture, str) and names_front(architecture):
        return point_of(run.space, architecture)
    if isinstance(architecture, str) and architecture.lstrip().startswith("{"):
        return run.space.architecture(Architecture.from_json(architecture))
    if isinstance(architecture, Mapping) and LIKE in {*architecture} - {*run.space.choices}:
        changed = {name: value for name, value in architecture.items() if name != LIKE}
        return run.space.architecture({**described(run, architecture[LIKE]), **changed})
    return run.space.named(architecture)


def measure(
    run: Run,
    subnets: Mapping[str, Architecture],
    *,
    split: str,
    calibration_batches: int,
    device: str,
) -> Iterable[Evaluation]:
    """Measure subnets of a run, one by one."""
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}.")
    run.generator.to(pick_device(device))
    return measured(
        run.generator,
        run.data,
        subnets,
        objective=run.objective,
        split=split,
        calibration_batches=calibration_batches,
        condition=run.condition,
    )


def standalone_training(
    run: Run,
    *,
    steps: int | None,
    lr: float | None,
    seeds: Sequence[int],
    folder: str,
    calibration_batches: int,
    device: str,
) -> StandaloneTraining:
    """Stand-alone training by the recipe of a run, or what is said instead.

    Args:
        steps: of each; None finds the plateau, from the FLOPs of the run on.
        lr: learning rate; None for the run's.
        calibration_batches: as for the inherited weights.
        folder: of references that were trained before.
    """
    return StandaloneTraining(
        run.space,
        run.data,
        recipe_of(run, lr=lr, calibration_batches=calibration_batches),
        sampler=strategy_of(run.settings or {}, run).sampler,
        steps=steps,
        seeds=seeds,
        folder=folder,
        device=device,
    )


def recipe_of(run: Run, *, lr: float | None, calibration_batches: int) -> Recipe:
    """The recipe by which a run's subnets are trained alone: its own.

    Args:
        lr: learning rate; None for the run's.
    """
    own = run.settings or {}
    check_present(own, run.folder)
    optimizer = merged(
        [{"optimizer": own["optimizer"]}, {} if lr is None else {"optimizer": {"lr": lr}}]
    )
    return Recipe(
        training=training_of(own),
        objective=run.objective,
        optimizer=part(optimizer, "optimizer"),
        schedule=part(own, "schedule"),
        calibration_batches=calibration_batches,
    )


def rows(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """Flat rows for a table, without columns that tell nothing.

    Where no subnet has norms to calibrate, inherited and calibrated measures are the same: then
    there is one column a measure, by its own name.
    """
    alike = all(found.inherited == found.calibrated for found in evaluations)
    return [found.row(alike=alike) for found in evaluations]


def place_of(folder: Path, architectures: Sequence[Described], split: str) -> Path:
    """A file for the table: in the folder of the run; of a front on test beside it, once.

    Raises:
        FileExistsError: see `test_table`.
    """
    return test_table(architectures, split) or free_path(folder / "evaluation.csv")


def check_place(out: Path, *, overwrite: bool) -> None:
    """Refuse a file for a table before anything is computed.

    Raises:
        FileNotFoundError: if its folder is not there.
        FileExistsError: if it is there, and is not to be replaced.
    """
    if not out.parent.is_dir():
        raise FileNotFoundError(f"out={out}: there is no folder {out.parent}.")
    if out.exists() and not overwrite:
        raise FileExistsError(f"out={out} exists: give another file, or overwrite=true.")


def write_table(
    path: Path,
    table: Sequence[Mapping[str, Any]],
    *,
    overwrite: bool = False,
    numbered: bool = False,
) -> Path:
    """Write the rows of a table, of which none that is there is lost; returns the file.

    Args:
        overwrite: replace the file if it is there.
        numbered: if another process wrote it meanwhile, take the next free name.

    Raises:
        FileExistsError: if it is there, and neither is set.
    """
    while True:
        try:
            write_csv(path, table, overwrite=overwrite)
        except FileExistsError:
            if not numbered:
                raise FileExistsError(
                    f"{path} exists: another process wrote it meanwhile. Give another file, or "
                    f"overwrite=true."
                ) from None
            path = free_path(path.with_name(f"{_NUMBER.sub('', path.stem)}{path.suffix}"))
        else:
            return path


def free_path(path: Path) -> Path:
    """A file that is not there yet: the path itself, or its name with a number behind it."""
    for i in range(1, 10_000):
        candidate = path if i == 1 else path.with_name(f"{path.stem}_{i}{path.suffix}")
        if not candidate.exists():
            return candidate
    raise FileExistsError(f"{path} and 9,999 numbered files beside it exist: give out=FILE.")
