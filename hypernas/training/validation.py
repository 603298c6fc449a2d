"""Measuring some subnets while their generator trains."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import torch

from hypernas.data import Batches, Data
from hypernas.distributed import Storage
from hypernas.events import Subnets
from hypernas.objectives import Objective, assess
from hypernas.space.architecture import Architecture


@torch.no_grad()
def validate(
    storage: Storage,
    watched: Mapping[str, Architecture],
    data: Data,
    batches: Batches,
    objective: Objective,
    calibration_batches: int,
) -> Subnets:
    """The measures of subnets, by label, on the validation split; ranks divide the subnets."""
    generator, ranks = storage.generator, storage.ranks
    generator.eval()
    labels: dict[Architecture, str] = {}  # of the distinct ones
    for label, architecture in watched.items():
        labels.setdefault(architecture, label)
    distinct = list(labels)
    own = {}
    for first in range(0, len(distinct), ranks.size):
        some = distinct[first : first + ranks.size]  # one a rank
        wanted = [[r] if r < len(some) else [] for r in range(ranks.size)]
        subnets = [generator.subnet(architecture) for architecture in some]
        for i, weights in storage.weights(subnets, wanted).items():
            taken: Iterator[Any] = islice(batches.starting_at(0), calibration_batches)
            statistics = generator.calibrate(
                subnets[i], (inputs for inputs, _ in taken), weights=weights
            )
            module = generator.export(subnets[i], weights=weights, statistics=statistics)
            examples = data.in_order("validation", device=generator.device)
            own[labels[some[i]]] = assess(module, examples, objective)
    generator.train()
    measures = ranks.gather(own)
    return {label: (a, measures[labels[a]]) for label, a in watched.items()}
