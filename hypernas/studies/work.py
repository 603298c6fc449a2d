"""The work of a process of a study: a length to count, a stand-alone training, a cell, or the cost of steps."""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import torch

from hypernas.data import Data
from hypernas.distributed.device import pick_device
from hypernas.evaluation import Appraisal, Recipe, References
from hypernas.evaluation.budget import relative_cost
from hypernas.objectives.widening import measured_on
from hypernas.runs.assembly import Parts, assemble, part, strategy_of, training_of
from hypernas.runs.settings import Settings
from hypernas.sampling import preview
from hypernas.space import Architecture, SearchSpace
from hypernas.studies.budgets import length_of
from hypernas.studies.cell import run_cell
from hypernas.studies.memory import measure_memory
from hypernas.studies.step_cost import measure_steps
from hypernas.subnet.arguments import Arguments
from hypernas.training import Diverged
from hypernas.training.optimizer import Groups

_PREVIEWED = 64  # steps whose cost is measured, over and over


def work(spec: dict[str, Any]) -> Any:
    """The result of a job; see the functions below."""
    kinds = {"length": _length, "reference": _reference, "cell": _cell}
    kinds |= {"cost": _cost, "memory": _memory}
    return kinds[spec["kind"]](spec)


@torch.no_grad()
def check_measures(told: Mapping[str, Any], parts: Parts) -> None:
    """Refuse a measure of a study, or one to tune by, that its objective does not give.

    Raises:
        ValueError: naming those that it gives.
    """
    inputs, targets = next(parts.data.in_order("validation", batch_size=2))
    rest = inputs if parts.condition is None else parts.condition.rest(inputs)
    given = Arguments.of(measured_on(parts.objective, rest))
    module = parts.space.build(parts.space.smallest()).eval()
    found = parts.objective.measures(module(*given.positional, **given.keywords), targets)
    known = [*found, *(parts.objective.names if isinstance(parts.objective, Appraisal) else ())]
    for key in ("measure", "tuned_by"):
        if told[key] not in known:
            raise ValueError(
                f"the study cannot be run:\n  {key}: expected one of {known}, of "
                f"{type(parts.objective).__name__}, got {told[key]!r}"
            )


def parts_of(settings: Settings) -> Parts:
    """The parts of a configuration; the data of the last ones are kept."""
    return assemble(settings, data=_data(json.dumps(settings["data"])))


@functools.lru_cache(maxsize=2)
def _data(settings: str) -> Data:
    return part({"data": json.loads(settings)}, "data")


def _length(spec: dict[str, Any]) -> list[float]:
    """Steps of a training at equal compute, and what they cost: the fields of `Length`."""
    told = {key: value for key, value in spec["settings"].items() if key != "sampling"}
    return list(length_of(spec, *_costs(json.dumps(told))))


@functools.lru_cache(maxsize=1)
def _costs(settings: str) -> tuple[SearchSpace, Callable[[Architecture], float]]:
    """A space, and what its subnets cost; those that were counted for a job are known to the next."""
    parts = parts_of(json.loads(settings))
    return parts.space, relative_cost(parts.space, parts.data)


def _reference(spec: dict[str, Any]) -> dict[str, dict[str, float]] | None:
    """The measures of a subnet trained alone, on both splits; None if its training diverged."""
    settings = spec["settings"]
    parts = parts_of(settings)
    recipe = Recipe(
        training=training_of(settings),
        objective=parts.objective,
        optimizer=part(settings, "optimizer"),
        schedule=part(settings, "schedule"),
    )
    references = References(
        parts.space, parts.data, recipe, folder=spec["cache"], device=settings["device"]
    )
    try:
        return references(spec["architecture"], seed=settings["seed"])
    except Diverged:
        return None


def _cell(spec: dict[str, Any]) -> dict[str, Any]:
    """A trained and measured generator: the fields of `Cell`."""
    settings = spec["settings"]
    parts = parts_of(settings)
    cell = run_cell(
        parts.generator,
        parts.task,
        {label: parts.space.architecture(a) for label, a in spec["subnets"].items()},
        training=training_of(settings),
        strategy=strategy_of(settings, parts),
        split=spec["split"],
        device=settings["device"],
        follow=spec["follow"],
    )
    return dataclasses.asdict(cell)


def _cost(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The step of each arm in units of the first one's."""
    steps = {arm: _stepper(settings) for arm, settings in spec["settings"].items()}
    ratios = measure_steps(steps, rounds=spec["rounds"])
    return [{"arm": arm, "step_ratio": round(ratio, 3)} for arm, ratio in ratios.items()]


def _memory(spec: dict[str, Any]) -> float:
    """Megabytes that training an arm takes; this process should not have done anything else."""
    settings = spec["settings"]
    small = {
        "generator": {"_target_": "hypernas.generators.Standalone", "_partial_": True},
        "sampling": {"_target_": "hypernas.sampling.Fixed", "architectures": ["smallest"]},
    }
    _stepper({**settings, **small})(0)  # loads the data, and the code of training
    return round(
        measure_memory(lambda: _stepper(settings), device=pick_device(settings["device"])), 1
    )


def _stepper(settings: Settings) -> Callable[[int], None]:
    """A function that computes step i of an arm's training, to its end."""
    parts = parts_of(settings)
    training = training_of(settings)
    steps = preview(
        part(settings, "sampling"), parts.space, _PREVIEWED, rng=torch.Generator().manual_seed(0)
    )
    generator = parts.generator.to(pick_device(settings["device"])).train()
    batches = parts.data.batches(
        batch_size=training.batch_size, device=generator.device
    ).starting_at(0)
    groups = Groups(generator, part(settings, "optimizer"))

    def step(i: int) -> None:
        rng = torch.Generator().manual_seed(i)
        draws, batch = steps[i % _PREVIEWED], next(batches)
        with torch.no_grad():
            for draw in draws:
                if not draw.trained:
                    generator.call(draw.architecture, Arguments.of(batch[0]))
        trained = [draw for draw in draws if draw.trained]
        architectures, rows = [d.architecture for d in trained], [d.rows for d in trained]
        with groups.noting():
            training.backward(generator, architectures, batch, parts.objective, rng, rows)
        groups.step(training.max_grad_norm)
        if generator.device.type == "cuda":
            torch.cuda.synchronize(generator.device)

    return step
