"""The start of a generator at a trained module."""

import warnings
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor

from hypernas.generators.generator import Generator
from hypernas.generators.mode import evaluating
from hypernas.generators.start.largest import adopt_buffers, largest_subnet
from hypernas.generators.start.startable import Startable
from hypernas.generators.start.trained import Start, Trained, read
from hypernas.subnet.skeleton import build_seeded

G = TypeVar("G", bound=Generator)

_TOLERANCE = 1e-6  # of a weight, in units of the largest of its parameter or 1, whichever is more


def start_at(generator: G, start: Start | None) -> G:
    """Give a generator's largest architecture the weights and buffers of a trained module.

    Generators with one entry or a base for each parameter then have exactly these weights; mixtures
    without a base have them up to rounding, their experts as far apart as they were. Smaller subnets
    are slices. Where a condition is read, this is so under one of zeros.

    Args:
        start: see `read`; None changes nothing.

    Returns:
        The generator itself.

    Raises:
        ValueError: if the start does not fit, or a generator of this kind cannot hold it; naming every
            tensor.
    """
    if start is None:
        return generator
    trained = read(generator.space, start)
    _check_frozen(generator, trained)
    hold(generator, trained)
    adopt_buffers(generator, trained)
    rows = largest_subnet(generator).target.fixed.rows
    generator.padding.hold(
        {
            name: trained.weights[name][index].to(generator.device)
            for name, (index, _) in rows.items()
            if name in trained.weights and trained.weights[name][index].any()
        }
    )
    _check_weights(generator, trained)
    if trained.notes:
        warnings.warn(f"of the start: {'; '.join(trained.notes)}.", stacklevel=3)
    return generator


def hold(generator: Generator, trained: Trained) -> None:
    """Let a generator, or a part of one, hold what was read.

    Raises:
        ValueError: if it cannot, and why.
    """
    if not isinstance(generator, Startable):
        raise ValueError(
            f"{type(generator).__name__} cannot start at a trained module: it has no method `hold` "
            f"(see hypernas.generators.start.startable.Startable)."
        )
    with torch.no_grad(), evaluating(generator):
        generator.hold(trained)


@torch.no_grad()
def _check_weights(generator: Generator, trained: Trained) -> None:
    with evaluating(generator):
        made = generator(largest_subnet(generator))
    wrong = _apart(made, trained.weights)
    if wrong:
        raise ValueError(
            "the largest subnet would not have the weights of the start:\n  " + "\n  ".join(wrong)
        )


@torch.no_grad()
def _check_frozen(generator: Generator, trained: Trained) -> None:
    """Refuse parameters that require no gradient where the builder, whose they are, has others."""
    module = build_seeded(generator.space, generator.space.largest())
    wrong = _apart(dict(module.named_parameters()), trained.buffers)
    if wrong:
        raise ValueError(
            "the builder makes these parameters, which require no gradient, and the start's are others:\n  "
            + "\n  ".join(wrong)
            + "\nLet the builder give them the values of the start."
        )


def _apart(own: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> list[str]:
    """The tensors that differ from those of the same name, and by how much."""
    both = {name: (tensor, others[name]) for name, tensor in own.items() if name in others}
    distances = {name: _distance(*pair) for name, pair in both.items()}
    return [f"{name}: {d:.2g} away" for name, d in distances.items() if d > _TOLERANCE]


def _distance(tensor: Tensor, other: Tensor) -> float:
    """The largest difference, in units of the largest entry of `other` or 1, whichever is more."""
    if torch.equal(tensor.detach().cpu(), other.detach().cpu()):  # masks of -inf among them
        return 0.0
    other = other.detach().to(tensor.device).double()
    largest = (tensor.detach().double() - other).abs().max() / other.abs().max().clamp(min=1)
    return float(largest.nan_to_num(torch.inf))
