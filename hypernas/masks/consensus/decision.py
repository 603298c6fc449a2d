"""The decision which gates stay: those that are on for at least half of the inputs."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from hypernas.masks.consensus.gated import GatedNetwork
from hypernas.subnet.arguments import Arguments

_ALIKE = 0.99  # share of the inputs from which on a gate counts as decided


@dataclass(frozen=True)
class Decision:
    """The share of inputs for which each gate is on.

    Attributes:
        means: name of a layer -> share of each of its gates, shape (G,).
        never_none: True if of each layer one gate stays in any case, that with the largest share: there are no layers
            without channels, and no mixtures without experts.
    """

    means: dict[str, Tensor]
    never_none: bool

    @cached_property
    def kept(self) -> dict[str, Tensor]:
        """Name of a layer -> truth value of each gate."""
        found = {name: mean >= 0.5 for name, mean in self.means.items()}
        for name, mean in self.means.items():
            if self.never_none and not found[name].any():
                found[name][mean.argmax()] = True
        return found

    @property
    def share(self) -> float:
        """The share of the gates that stay."""
        return torch.cat([*self.kept.values()]).double().mean().item()

    @property
    def undecided(self) -> float:
        """The share of the gates that are neither on nor off for 99 of 100 inputs."""
        means = torch.cat([*self.means.values()])
        return ((means > 1 - _ALIKE) & (means < _ALIKE)).double().mean().item()

    @property
    def disagreement(self) -> float:
        """The share of all gates of all inputs that are not as most inputs have them."""
        means = torch.cat([*self.means.values()])
        return torch.minimum(means, 1 - means).double().mean().item()


@torch.no_grad()
def decide(
    network: GatedNetwork,
    batches: Iterable[Any],  # of inputs
) -> Decision:
    """Count the gates of a network over inputs, in evaluation mode.

    Raises:
        ValueError: if there are no inputs.
    """
    total, num = torch.zeros(()), 0
    training = network.training
    network.eval()
    for inputs in batches:
        given = Arguments.of(inputs)
        gates = network(*given.positional, **given.keywords).gates
        total, num = total + gates.double().sum(0).cpu(), num + len(gates)
    network.train(training)
    if not num:
        raise ValueError("gates are decided on inputs, of which there are none.")
    sizes = [network.level_of(name).gate.logits.out_features for name in network.names]
    parts = (total / num).split(sizes)
    never_none = all(network.level_of(name).gate.never_none for name in network.names)
    return Decision(dict(zip(network.names, parts, strict=True)), never_none=never_none)
