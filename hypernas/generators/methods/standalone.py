"""No sharing at all: every architecture has weights of its own."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.generators.generator import Generator, ParameterGroup
from hypernas.mixing import Coefficients
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.space.cache import Cache
from hypernas.subnet.skeleton import build_seeded
from hypernas.subnet.target import norm_statistics


class Standalone(Generator):
    """One set of weights for each architecture: the upper bound that sharing is measured against.

    The equation with K = number of architectures and a one-hot coefficient; only what was trained
    is stored. An architecture's weights come to life, initialised by its builder under a seed of
    its own, when it is first asked for in training mode with gradients; elsewhere an architecture
    that was not trained has those initial weights. So parameters appear during training: an
    optimizer must be told of them, as `hypernas.training` does.

    Args:
        seed: of the initialisation, together with the architecture.
    """

    def __init__(self, space: SearchSpace, *, seed: int = 0) -> None:
        super().__init__(space)
        self.seed = seed
        self.subnets = nn.ModuleList()
        self._position: dict[Architecture, int] = {}
        self._untrained = Cache(8)

    def generate(
        self, architectures: Sequence[Architecture], conditions: Tensor
    ) -> list[dict[str, Tensor]]:
        return [dict(self._module(a).named_parameters()) for a in architectures]

    def statistics(self, architecture: Mapping[str, Any]) -> dict[str, Tensor]:
        return norm_statistics(self._module(architecture))

    def update_statistics(
        self, architecture: Mapping[str, Any], statistics: Mapping[str, Tensor]
    ) -> None:
        """Nothing: they are the subnet's own."""

    def coefficients(
        self, architecture: Mapping[str, Any], condition: Tensor | None = None
    ) -> dict[str, Coefficients]:
        return {}

    def auxiliary_loss(
        self, architectures: Sequence[Mapping[str, Any]], condition: Tensor | None = None
    ) -> Tensor:  # shape: ()
        return self._like.new_zeros(())

    @property
    def architectures(self) -> list[Architecture]:
        """Those that have trained weights, in the order in which they came."""
        return list(self._position)

    def _module(self, architecture: Mapping[str, Any]) -> nn.Module:
        architecture = self.space.architecture(architecture)
        if architecture not in self._position:
            if not (self.training and torch.is_grad_enabled()):
                key = (architecture, self._like.device, self._like.dtype)
                return self._untrained.get(key, lambda: self._fresh(architecture))
            self._add(architecture, self._fresh(architecture))
        return self.subnets[self._position[architecture]]

    def _fresh(self, architecture: Architecture) -> nn.Module:
        module = build_seeded(self.space, architecture, architecture.digest(self.seed))
        return module.to(self._like.device, self._like.dtype)

    def _add(self, architecture: Architecture, module: nn.Module) -> None:
        self._position[architecture] = len(self.subnets)
        self.subnets.append(module)

    def parameter_groups(self) -> list[ParameterGroup]:
        own = list(self.parameters())
        return [
            ParameterGroup("matrices", [p for p in own if p.dim() > 1], decay=True),
            ParameterGroup("vectors", [p for p in own if p.dim() <= 1], decay=False),
        ]

    def settle(
        self,
        architecture: Mapping[str, Any],
        measure: Callable[[], float],
        *,
        rng: torch.Generator,
    ) -> None:
        """Nothing is free."""

    def taxonomy(self) -> None:
        """Nothing is read."""

    def assignment(self) -> dict[str, str]:
        names = [name for name, _ in self.skeleton(self.space.largest()).named_parameters()]
        return dict.fromkeys(names, "one for each architecture trained")

    def get_extra_state(self) -> Tensor:
        """Seed and architectures, as bytes of JSON in a tensor, so that safetensors can hold them."""
        architectures = [dict(architecture) for architecture in self._position]
        text = json.dumps({"seed": self.seed, "architectures": architectures}).encode()
        return torch.tensor(list(text), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        loaded = json.loads(bytes(state.tolist()))
        architectures = [self.space.architecture(values) for values in loaded["architectures"]]
        if (self.seed, self.architectures) == (loaded["seed"], architectures):
            return  # an optimizer may hold these parameters
        self.seed = loaded["seed"]
        self.subnets = nn.ModuleList()
        self._position = {}
        self._untrained = Cache(8)
        for architecture in architectures:
            self._add(architecture, self._fresh(architecture))


def wakes(generator: Generator) -> bool:
    """Whether parameters of a generator come to life while it trains."""
    return any(isinstance(part, Standalone) for part in generator.modules())


def wake(generator: Generator, architectures: Sequence[Mapping[str, Any]]) -> None:
    """Bring the parameters to life that training these architectures would, if there are any."""
    if wakes(generator):
        generator.many(architectures)
