"""A generator's parameters in an optimizer's hands."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.generators import Generator, ParameterGroup
from hypernas.training.update import Check, Norm, Update

Memory = Mapping[str, Mapping[str, Any]]  # parameter name -> what an optimizer keeps of it
OptimizerMaker = Callable[[list[dict[str, Any]]], torch.optim.Optimizer]


def optimizer_groups(groups: Sequence[ParameterGroup]) -> list[dict[str, Any]]:
    """Groups as an optimizer is made of them; those that do not decay say so. Learning rates are for the caller."""
    return [
        {"params": list(group.parameters), **({} if group.decay else {"weight_decay": 0.0})}
        for group in groups
    ]


class Groups:
    """A generator's parameters as an optimizer's groups, each with its own factors.

    Parameters that appear during training are taken in (see `Standalone`).

    Args:
        make: groups of parameters -> optimizer.
        alone: see `Update`.
    """

    def __init__(self, generator: Generator, make: OptimizerMaker, *, alone: bool = True) -> None:
        self.generator = generator
        described = generator.parameter_groups()
        self.optimizer = make(optimizer_groups(described))
        self.update = Update(self.optimizer, alone=alone)
        self._scales = [group.lr_scale for group in described]
        self._base = self.optimizer.defaults["lr"]
        self._factor = 1.0
        self._known = {id(p) for p in self.parameters()}

    @property
    def lr(self) -> float:
        """The present learning rate of groups of scale 1."""
        return self._base * self._factor

    def set_lr(self, factor: float) -> None:
        self._factor = factor
        for group, scale in zip(self.optimizer.param_groups, self._scales, strict=True):
            group["lr"] = self._base * scale * factor

    def parameters(self) -> list[nn.Parameter]:
        return self.update.parameters()

    def noting(self) -> AbstractContextManager[None]:
        """See `Update.noting`."""
        self._take_in_new_parameters()
        return self.update.noting()

    def step(
        self,
        max_grad_norm: float | None,
        norm: Norm | None = None,
        check: Check | None = None,
    ) -> Tensor:  # shape: ()
        """Clip the gradients to a norm, take a step, drop them; returns the norm they had.

        Args:
            norm: of the gradients of some parameters; None for that of these alone.
            check: see `Update.step`.
        """
        self._take_in_new_parameters()
        return self.update.step(max_grad_norm, norm, check)

    def memory(self) -> Memory:
        """Copies of what the optimizer keeps of the parameters that it has moved."""
        return {
            name: {key: _copied(value) for key, value in self.optimizer.state[parameter].items()}
            for name, parameter in self.generator.named_parameters()
            if parameter in self.optimizer.state
        }

    def remember(self, memory: Memory) -> None:
        """Begin with what another optimizer of the same kind kept; all else starts afresh.

        Raises:
            ValueError: if the generator has no parameter of a name, or one of another shape.
        """
        parameters = dict(self.generator.named_parameters())
        wrong = [
            name
            for name, kept in memory.items()
            if name not in parameters
            or any(
                isinstance(value, Tensor) and value.dim() and value.shape != parameters[name].shape
                for value in kept.values()
            )
        ]
        if wrong:
            raise ValueError(f"the memory of {wrong} fits no parameter of the generator.")
        state = self.optimizer.state_dict()
        position = {id(parameter): i for i, parameter in enumerate(self.parameters())}
        for name, kept in memory.items():
            state["state"][position[id(parameters[name])]] = {
                key: _copied(value) for key, value in kept.items()
            }
        self.optimizer.load_state_dict(state)  # it knows which device each is to be on

    def _take_in_new_parameters(self) -> None:
        if sum(1 for _ in self.generator.parameters()) == len(self._known):
            return
        described = self.generator.parameter_groups()
        for group, now in zip(self.optimizer.param_groups, described, strict=True):
            fresh = [p for p in now.parameters if id(p) not in self._known]
            group["params"].extend(fresh)
            self._known.update(id(p) for p in fresh)


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value
