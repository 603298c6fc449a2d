"""Measuring some subnets while their generator trains."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import torch

from hypernas.data import Batches
from hypernas.distributed import Placement
from hypernas.events import Subnets
from hypernas.objectives import assess
from hypernas.space.architecture import Architecture
from hypernas.training.conditioned import ConditionedSubnet
from hypernas.training.task import Task


@torch.no_grad()
def validate(
    storage: Placement,
    task: Task,
    watched: Mapping[str, Architecture],
    batches: Batches,
    calibration_batches: int,
) -> Subnets:
    """The measures of subnets, by label, on the validation split; ranks divide the subnets.

    Args:
        batches: of training, from the first of which norms are calibrated.
    """
    generator, ranks = storage.generator, storage.ranks
    generator.eval()
    labels: dict[Architecture, str] = {}  # of the distinct ones
    for label, architecture in watched.items():
        labels.setdefault(architecture, label)
    distinct = list(labels)
    own = {}
    for first in range(0, len(distinct), ranks.size):
        some = distinct[first : first + ranks.size]  # one a rank
        for architecture, model in _models(storage, task, some, batches, calibration_batches):
            examples = task.data.in_order("validation", device=generator.device)
            rest = None if task.condition is None else task.condition.rest
            own[labels[architecture]] = assess(model, examples, task.objective, rest=rest)
    generator.train()
    measures = ranks.all_gather(own)
    return {label: (a, measures[labels[a]]) for label, a in watched.items()}


def _models(
    storage: Placement,
    task: Task,
    architectures: Sequence[Architecture],  # at most one a rank
    batches: Batches,
    calibration_batches: int,
) -> Iterator[tuple[Architecture, Callable[..., Any]]]:
    """This rank's, with calibrated norms: inputs -> outputs."""
    generator, ranks = storage.generator, storage.ranks

    def inputs() -> Iterator[Any]:
        return (x for x, _ in islice(batches.starting_at(0), calibration_batches))

    if task.condition is not None:
        for architecture in architectures[ranks.rank : ranks.rank + 1]:
            model = ConditionedSubnet(generator, architecture, task.condition)
            model.statistics = model.calibrate(inputs())
            yield architecture, model
        return
    wanted = [[r] if r < len(architectures) else [] for r in range(ranks.size)]
    subnets = [generator.subnet(architecture) for architecture in architectures]
    for i, weights in storage.weights(subnets, wanted).items():
        statistics = generator.calibrate(subnets[i], inputs(), weights=weights)
        yield architectures[i], generator.export(subnets[i], weights=weights, statistics=statistics)
