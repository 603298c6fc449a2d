"""Architecture -> numbers a network can read, and the magnitude-invariant map of them."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.space.choice import Choice
from hypernas.space.search_space import SearchSpace


class Encoding:
    """Architecture -> features in [0, 1], by the space's own ranges.

    A numeric ordinal choice is one feature, `(value - smallest) / (largest - smallest)`; another
    ordinal one is its rank, scaled likewise; a categorical one is one-hot. A choice that can be
    inactive has one more feature that says whether it is there, so an absent choice (all its
    features 0) differs from one that takes its smallest value. An ordinal choice with one value is 0.

    Deviates from Mixture-of-Supernets (Jawahar et al., 2023, arXiv 2306.04845), whose features are
    divided by fixed constants and reach 1.5, and which pads absent layers with 0. A space that brings
    `features` of its own, as `seq2seq` can bring those, is read by them alone, in whatever range they are.

    Attributes:
        names: a label for each of the D features.

    Raises:
        ValueError: for features of a space that are not of the same names for every architecture.
    """

    @checked
    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        if space.features is not None:
            self.names: list[str] = [*space.features(space.largest())]
            return
        self.names = []
        self._codes = {name: _codes(choice) for name, choice in space.choices.items()}
        for name, choice in space.choices.items():
            if choice.when:
                self.names.append(f"{name} is there")
            if choice.ordered:
                self.names.append(name)
            else:
                self.names.extend(f"{name} = {value}" for value in choice.values)

    @property
    def dim(self) -> int:
        """D, the number of features."""
        return len(self.names)

    def __call__(self, architecture: Mapping[str, Any]) -> Tensor:  # shape: (D,), each in [0, 1]
        architecture = self.space.architecture(architecture)
        if self.space.features is not None:
            return self._brought(self.space.features(architecture))
        features: list[float] = []
        for name, (codes, absent) in self._codes.items():
            features += codes[architecture[name]] if name in architecture else absent
        return torch.tensor(features)

    def _brought(self, features: Mapping[str, float]) -> Tensor:
        if [*features] != self.names:
            raise ValueError(
                f"expected features of the names {self.names}, in this order, as of the largest architecture, got {[*features]}."
            )
        return torch.tensor([*features.values()], dtype=torch.float32)


def _codes(choice: Choice) -> tuple[dict[Any, list[float]], list[float]]:
    """The features of each value of a choice, and those of its absence."""
    codes: dict[Any, list[float]] = {}
    for value in choice.values:
        own = (
            [_position(choice, value)]
            if choice.ordered
            else [float(value == other) for other in choice.values]
        )
        codes[value] = [1.0, *own] if choice.when else own
    dim = 1 if choice.ordered else len(choice.values)
    return codes, [0.0] * (dim + bool(choice.when))


def _position(choice: Choice, value: Any) -> float:
    if len(choice.values) == 1:
        return 0.0
    if choice.numeric:
        low, high = choice.values[0], choice.values[-1]
        return (value - low) / (high - low)
    return choice.values.index(value) / (len(choice.values) - 1)


@checked
def mip(
    features: Tensor,  # shape: (..., D), each in [0, 1]
    *,
    normalize: bool = False,
) -> Tensor:  # shape: (..., 2 D): all cosines, then all sines
    """Magnitude-invariant encoding E(γ) = [cos(πγ/2), sin(πγ/2)], of squared norm D for every γ.

    A network without biases and with positively homogeneous activations has outputs as large as
    its input; this makes the input's size constant (Ortiz et al., "Magnitude Invariant
    Parametrizations Improve Hypernetwork Learning", 2023, arXiv 2304.07645, section 4).

    Args:
        normalize: divide by √D, so that the norm is 1 whatever the number of features. Not part of
            the paper, where the generated delta grows as √D.
    """
    angle = features * (math.pi / 2)
    encoded = torch.cat([angle.cos(), angle.sin()], dim=-1)
    return encoded / math.sqrt(features.shape[-1]) if normalize else encoded
