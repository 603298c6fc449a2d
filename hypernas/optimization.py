"""A generator's parameters in an optimizer's hands."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hypernas.generators import Generator

OptimizerMaker = Callable[[list[dict[str, Any]]], torch.optim.Optimizer]


class Groups:
    """A generator's parameters as an optimizer's groups, each with its own factors.

    Parameters that appear during training are taken in (see `Standalone`).
    """

    def __init__(self, generator: Generator, make: OptimizerMaker) -> None:
        self.generator = generator
        described = generator.parameter_groups()
        groups: list[dict[str, Any]] = []
        for group in described:
            groups.append({"params": list(group.parameters)})
            if not group.decay:
                groups[-1]["weight_decay"] = 0.0
        self.optimizer = make(groups)
        self._scales = [group.lr_scale for group in described]
        self._base = self.optimizer.defaults["lr"]
        self._known = {id(p) for p in self.parameters()}

    @property
    def lr(self) -> float:
        """The present learning rate of groups of scale 1."""
        return self.optimizer.param_groups[0]["lr"] / self._scales[0]

    def set_lr(self, factor: float) -> None:
        for group, scale in zip(self.optimizer.param_groups, self._scales, strict=True):
            group["lr"] = self._base * scale * factor

    def parameters(self) -> list[torch.nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def step(self, max_grad_norm: float | None) -> Tensor:  # shape: ()
        """Clip the gradients to a norm, take a step, drop them; returns the norm they had."""
        self._take_in_new_parameters()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters(), max_grad_norm or math.inf)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    def _take_in_new_parameters(self) -> None:
        if sum(1 for _ in self.generator.parameters()) == len(self._known):
            return
        described = self.generator.parameter_groups()
        for group, now in zip(self.optimizer.param_groups, described, strict=True):
            fresh = [p for p in now.parameters if id(p) not in self._known]
            group["params"].extend(fresh)
            self._known.update(id(p) for p in fresh)
