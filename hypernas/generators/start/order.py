"""Order of channels: the important ones first, so that smaller subnets keep them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.generators.start.factors import Factor, shrinking
from hypernas.generators.start.importance import Importance, importance
from hypernas.generators.start.probe import Probe, permuted
from hypernas.generators.start.symmetry import groups
from hypernas.generators.start.trained import Start, read
from hypernas.space import SearchSpace
from hypernas.subnet.skeleton import build_seeded


@dataclass(frozen=True)
class Ordered:
    """A trained module whose channels stand in the order of their importance.

    Attributes:
        state: its `state_dict()`, which is a start.
        groups: which factors were put in order together, each the first of its kind in the module.
        orders: for each group the former places of its channels, shape (size,).
        left: factors that no permutation leaves the outputs alone with, and that stay as they are.
    """

    state: dict[str, Tensor]
    groups: tuple[tuple[Factor, ...], ...]
    orders: tuple[Tensor, ...]
    left: tuple[Factor, ...]

    def __str__(self) -> str:
        lines = [
            f"{len(self.groups)} groups of channels, heads or experts are in order of importance:"
        ]
        lines += [f"  {_words(group[0])} and {len(group) - 1} more" for group in self.groups]
        if self.left:
            lines.append(
                "left as they are, as another order would change the outputs, or nothing reads it:"
            )
            lines += [f"  {_words(factor)}" for factor in self.left]
        return "\n".join(lines)


@checked
def ordered(
    space: SearchSpace,
    start: Start,
    *,
    inputs: Any,
    by: Importance = "l2",
    batches: Iterable[Any] = (),
    loss: Callable[[Any, Any], Tensor] | None = None,
    seed: int = 0,
) -> Ordered:
    """Put the channels, heads, groups of heads and experts of a trained module in order of importance.

    `generators.NAME(space, start=ordered(space, module, inputs=x).state)`: the largest subnet computes
    what the module does, smaller ones keep the most important of what a choice takes away. Which
    axes belong together is found by permuting them in a network of random weights, not by names; what
    has no such symmetry stays (the dimensions of heads under rotary positions, say). Layers cannot be put in order:
    those that a smaller depth keeps are the builder's, and no order of them computes the same.

    Args:
        start: as of `start_at`.
        inputs: a batch of the network's, on which symmetries are told; a small one does, one example
            or two.
        by: l1, l2, activation or taylor: see `hypernas.generators.start.importance`.
        batches: (inputs, targets), for activation and taylor.
        loss: (outputs, targets) -> shape (), for taylor.
        seed: of the permutations that are tried.

    Raises:
        ValueError: if the start does not fit, `by` lacks what it needs, or the outputs on `inputs` are
            not the same afterwards.
    """
    module = _module(space, start)
    probe = Probe(module, inputs, seed=seed)
    found, left = groups(probe, shrinking(space, module))
    scores = importance(module, found, by, batches=batches, loss=loss)
    orders = [score.argsort(descending=True, stable=True).cpu() for score in scores]
    state = {n: t.detach() for n, t in [*module.named_parameters(), *module.named_buffers()]}
    new = state
    for group, order in zip(found, orders, strict=True):
        new = permuted(new, group, order)
    if not probe.same(new, state):
        raise ValueError(
            "the outputs on these inputs are not the same in the order of importance, so nothing was put "
            "in order: give inputs that use all of the network."
        )
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(new[name].clone())
    return Ordered(
        module.state_dict(),
        tuple(map(tuple, found)),
        tuple(orders),
        tuple(left),
    )


def _module(space: SearchSpace, start: Start) -> nn.Module:
    """The module that a start is of, on the CPU, in evaluation mode."""
    trained = read(space, start)
    module = build_seeded(space, space.largest()).eval()
    own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    given = {**trained.weights, **trained.buffers}
    if beside := [name for name in given if name not in own]:
        raise ValueError(
            f"the start has parameters that the largest architecture lacks, whose channels would stay behind: "
            f"{beside}. Leave them out."
        )
    with torch.no_grad():
        for name, tensor in given.items():
            own[name].copy_(tensor)
    return module


def _words(factor: Factor) -> str:
    return f"{factor.name} axis {factor.axis} ({factor.size})"
