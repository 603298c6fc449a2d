"""The largest subnet of a generator, which a start is of."""

import torch

from hypernas.generators.generator import Generator
from hypernas.generators.start.trained import Trained
from hypernas.subnet.subnet import Subnet


def largest_subnet(generator: Generator) -> Subnet:
    """The largest subnet, under a condition of zeros where the generator reads one."""
    largest = generator.space.largest()
    if not generator.condition_dim:
        return generator.subnet(largest)
    return generator.subnet(largest, torch.zeros(generator.condition_dim))


def fill_statistics(generator: Generator, trained: Trained) -> None:
    """Overwrite the norm statistics of the largest subnet with those of a start."""
    kept = generator.statistics(largest_subnet(generator))
    kept.fill({n: trained.buffers[n] for n in kept.tensors if n in trained.buffers})
