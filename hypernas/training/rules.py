"""Rules: what torch's optimizers make of a gradient, for kernels."""

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.mixing.turn import Constants
from hypernas.training.precision import State, make_moments_single

Group = Mapping[str, Any]  # of its parameters, with its options
Moments = tuple[Tensor | None, Tensor | None]


class Rule(ABC):
    """An optimizer's step for one parameter, by the options and the state that torch's own has.

    Attributes:
        kind: the optimizer; none of a class that inherits from it.
        refused: options that kernels do not know.
    """

    kind: type[torch.optim.Optimizer]
    refused: tuple[str, ...]

    @abstractmethod
    def remembers(self, group: Group) -> bool:
        """True if there is a state."""

    @abstractmethod
    def advance(
        self,
        parameters: Sequence[nn.Parameter],  # of one group
        states: Sequence[State],
        group: Group,
    ) -> list[tuple[Moments, Constants]]:
        """Count a step in states, as torch makes them at the first, but single; tensors of each, and numbers."""


class AdamWRule(Rule):
    """AdamW (Loshchilov and Hutter, 2017, arXiv 1711.05101, algorithm 2)."""

    kind = torch.optim.AdamW
    refused = ("amsgrad", "maximize", "capturable", "differentiable")

    def remembers(self, group: Group) -> bool:
        return True

    def advance(
        self, parameters: Sequence[nn.Parameter], states: Sequence[State], group: Group
    ) -> list[tuple[Moments, Constants]]:
        for parameter, state in zip(parameters, states, strict=True):
            if not state:
                device = parameter.device if group["fused"] else None
                state["step"] = torch.zeros((), dtype=torch.float32, device=device)
                state["exp_avg"] = torch.zeros_like(parameter, dtype=torch.float32)
                state["exp_avg_sq"] = torch.zeros_like(parameter, dtype=torch.float32)
            make_moments_single(state)
        counts = [state["step"].add_(1) for state in states]
        numbers = group["lr"], group["weight_decay"], tuple(group["betas"]), group["eps"]
        found: list[tuple[Moments, Constants]] = []
        for state, count in zip(states, counts, strict=True):
            known = count.is_cpu  # to read it elsewhere is to wait
            constants = _adamw(count.item() if known else math.inf, *numbers)
            if not known:
                constants = constants._replace(count=count)
            found.append(((state["exp_avg"], state["exp_avg_sq"]), constants))
        return found


@functools.lru_cache(16)  # parameters have few different ones in a step
def _adamw(
    step: float, rate: float, decay: float, betas: tuple[float, float], epsilon: float
) -> Constants:
    beta1, beta2 = betas
    return Constants(
        rule=0,
        rate=rate / (1 - beta1**step),
        decay=1 - rate * decay,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
        root=1 / math.sqrt(1 - beta2**step),
    )


class SGDRule(Rule):
    """Descent with momentum, plain or Nesterov's (Sutskever et al., 2013, ICML), decay added to gradients."""

    kind = torch.optim.SGD
    refused = ("maximize", "differentiable")

    def remembers(self, group: Group) -> bool:
        return group["momentum"] != 0

    def advance(
        self, parameters: Sequence[nn.Parameter], states: Sequence[State], group: Group
    ) -> list[tuple[Moments, Constants]]:
        found: list[tuple[Moments, Constants]] = []
        for parameter, state in zip(parameters, states, strict=True):
            moved = None
            fresh = state.get("momentum_buffer") is None
            if self.remembers(group):
                if fresh:
                    state["momentum_buffer"] = torch.empty_like(parameter, dtype=torch.float32)
                make_moments_single(state)
                moved = state["momentum_buffer"]
            constants = Constants(
                rule=1,
                fresh=int(fresh),
                nesterov=int(group["nesterov"]),
                rate=group["lr"],
                decay=group["weight_decay"],
                beta1=group["momentum"],
                beta2=1 - group["dampening"],
            )
            found.append(((moved, None), constants))
        return found


RULES: tuple[Rule, ...] = (AdamWRule(), SGDRule())
