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


def adopt_buffers(generator: Generator, trained: Trained) -> None:
    """Let a generator keep the other buffers of a start that the builder makes otherwise.

    Raises:
        ValueError: if those of smaller subnets are no part of them.
    """
    subnet = largest_subnet(generator)
    kept = generator.statistics(subnet)
    made = {n: b for n, b in subnet.target.module.named_buffers() if n not in kept.tensors}
    given = {n: trained.buffers[n].to(b) for n, b in made.items() if n in trained.buffers}
    if others := {n: value for n, value in given.items() if not torch.equal(value, made[n])}:
        kept.adopt(others)


def fill_statistics(generator: Generator, trained: Trained) -> None:
    """Overwrite the norm statistics of the largest subnet with those of a start."""
    kept = generator.statistics(largest_subnet(generator))
    kept.fill({n: trained.buffers[n] for n in kept.tensors if n in trained.buffers})
