"""A weight generator: architecture -> the weights of the module built for it."""

import contextlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.generators.description import Description
from hypernas.generators.mode import evaluating, full_precision
from hypernas.generators.taxonomy import Taxonomy
from hypernas.mixing import Coefficients
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.space.cache import Cache
from hypernas.subnet.skeleton import build_seeded, build_skeleton
from hypernas.subnet.target import Target, calibrate, check_weights


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that an optimizer treats alike.

    Attributes:
        decay: whether weight decay applies.
        lr_scale: factor of the learning rate.
    """

    name: str
    parameters: list[nn.Parameter]
    decay: bool
    lr_scale: float = 1.0


class Generator(nn.Module, ABC):
    """Maps an architecture to the weights of `space.build(architecture)`.

    `generator(architecture)` returns exactly the names and shapes of that module's parameters, and
    gradients reach the generator's own parameters through them. `call`, `export` and `calibrate`
    put them to use. An architecture is given as any mapping; inactive choices are ignored. Weights are
    generated in the generator's own precision, also under autocast, which is for the target. All
    parameters of the target are trained, also those that do not require a gradient there (but by
    `Standalone`): what is to stay as it is belongs in a buffer.

    A generator may read a *condition* beside the architecture: a vector of `condition_dim` numbers
    (a task's embedding, noise, a summary of the batch), which gradients reach. Every method that
    makes weights takes it, and refuses to go without where there is one.

    Args:
        space: the search space.
        condition_dim: C, how many numbers the condition has; 0 for no condition.
    """

    def __init__(self, space: SearchSpace, *, condition_dim: int = 0) -> None:
        super().__init__()
        self.space = space
        self.condition_dim = condition_dim
        self._targets = Cache(128)
        self.register_buffer("_like", torch.empty(0), persistent=False)  # our device and dtype

    @abstractmethod
    def generate(
        self,
        architectures: Sequence[Architecture],  # N of them, one or more
        conditions: Tensor,  # shape: (N, C)
    ) -> list[dict[str, Tensor]]:
        """The weights of each: parameter name -> tensor of that parameter's shape.

        What a subclass writes; `forward` and `many` are what is called.
        """

    @abstractmethod
    def statistics(self, architecture: Mapping[str, Any]) -> dict[str, Tensor]:
        """The running statistics of the subnet's norms: the generator's own memory, or copies."""

    @abstractmethod
    def update_statistics(
        self, architecture: Mapping[str, Any], statistics: Mapping[str, Tensor]
    ) -> None:
        """Take back what training made of `statistics(architecture)`, where those are copies."""

    @abstractmethod
    def coefficients(
        self, architecture: Mapping[str, Any], condition: Tensor | None = None
    ) -> dict[str, Coefficients]:
        """What multiplies the bank of each parameter that has coefficients; for diagnostics."""

    @abstractmethod
    def auxiliary_loss(
        self, architectures: Sequence[Mapping[str, Any]], condition: Tensor | None = None
    ) -> Tensor:  # shape: ()
        """What training adds, once a step, to the losses of the architectures of that step.

        Zero, without a gradient, unless an option of the generator asks for more.
        """

    @abstractmethod
    def settle(
        self,
        architecture: Mapping[str, Any],
        measure: Callable[[], float],
        *,
        rng: torch.Generator,
    ) -> None:
        """Decide what is free in the slices of an architecture, if anything: see `settle`.

        Args:
            measure: the loss of the subnet with what is decided at the time of the call.
            rng: of the candidates, on the CPU.
        """

    @abstractmethod
    def parameter_groups(self) -> list[ParameterGroup]:
        """Every parameter once, by how an optimizer should treat it."""

    @abstractmethod
    def assignment(self) -> dict[str, str]:
        """Parameter of the target -> in words, how its weights come about."""

    @abstractmethod
    def taxonomy(self) -> Taxonomy | None:
        """What kind of hypernetwork it is; None if it is none."""

    @property
    def device(self) -> torch.device:
        return self._like.device

    def forward(
        self,
        architecture: Mapping[str, Any],
        condition: Tensor | None = None,  # shape: (C,)
    ) -> dict[str, Tensor]:
        """The weights of an architecture: parameter name -> tensor of that parameter's shape.

        Raises:
            ValueError: if the architecture is not of the space, or the condition not of C numbers.
        """
        return self.many([architecture], condition)[0]

    def many(
        self,
        architectures: Sequence[Mapping[str, Any]],
        condition: Tensor | None = None,  # shape: (C,), for all of them, or (N, C)
    ) -> list[dict[str, Tensor]]:
        """The weights of N architectures, of which what they have in common is computed once.

        Raises:
            ValueError: as `forward`.
        """
        canonical = [self.space.architecture(architecture) for architecture in architectures]
        if not canonical:
            return []
        with full_precision(self._like.device):
            return self.generate(canonical, self.conditions(condition, len(canonical)))

    def conditions(self, condition: Tensor | None, num: int) -> Tensor:  # shape: (num, C)
        """A row for each of `num` architectures, from one vector, a row for each, or None.

        Raises:
            ValueError: if there is a condition and none was given, or of another shape.
        """
        dim = self.condition_dim
        if condition is None and not dim:
            return self._like.new_empty(num, 0)
        if condition is None or condition.shape not in ((dim,), (num, dim)):
            got = None if condition is None else f"the shape {tuple(condition.shape)}"
            raise ValueError(
                f"this generator reads {dim or 'no'} numbers beside the architecture "
                f"(condition_dim={dim}), got condition={got}. "
                + (
                    f"Give a tensor of shape ({dim},)"
                    + (f", or ({num}, {dim})." if num > 1 else ".")
                    if dim
                    else "Leave the condition out, or make the generator with a condition_dim."
                )
            )
        return condition.to(self._like).expand(num, dim)

    def skeleton(self, architecture: Mapping[str, Any]) -> nn.Module:
        """The module of an architecture without weights, its buffers on our device and dtype."""
        return self._target(architecture).module

    def _target(self, architecture: Mapping[str, Any]) -> Target:
        architecture = self.space.architecture(architecture)
        like = self._like

        def make() -> Target:
            module = build_skeleton(self.space, architecture)
            for owner in module.modules():
                for name, buffer in owner._buffers.items():
                    if buffer is not None:
                        floating = buffer.is_floating_point()
                        dtype = like.dtype if floating else None
                        owner._buffers[name] = buffer.to(like.device, dtype, non_blocking=True)
            return Target(module)

        return self._targets.get((architecture, like.device, like.dtype), make)

    def call(
        self,
        architecture: Mapping[str, Any],
        *inputs: Any,
        condition: Tensor | None = None,
        weights: Mapping[str, Tensor] | None = None,
        statistics: Mapping[str, Tensor] | None = None,
        **keywords: Any,
    ) -> Any:
        """The output of the subnet of an architecture on inputs, in the generator's mode.

        Args:
            condition: as in `forward`.
            weights: what `forward` or `many` returned before; by default they are generated now.
            statistics: those of batch norms, from `calibrate`; by default the generator's own,
                which training mode updates.
        """
        target = self._target(architecture)
        if target.module.training != self.training:
            target.module.train(self.training)
        buffers = self.statistics(architecture) if statistics is None else statistics
        if weights is None:
            weights = self(architecture, condition)
        check_weights(target.shapes, weights, of=self.space.architecture(architecture))
        with _watching(target, buffers) if self.training else contextlib.nullcontext():
            outputs = target.run(weights, *inputs, buffers=buffers, **keywords)
        if statistics is None and self.training:
            self.update_statistics(architecture, buffers)
        return outputs

    def calibrate(
        self,
        architecture: Mapping[str, Any],
        batches: Iterable[Any],
        *,
        condition: Tensor | None = None,
        weights: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Fresh norm statistics of a subnet from batches of inputs: see `hypernas.subnet.target.calibrate`.

        Args:
            condition, weights: as in `call`.
        """
        with torch.no_grad(), evaluating(self):
            weights = self(architecture, condition) if weights is None else weights
            return calibrate(self.skeleton(architecture), weights, batches)

    def export(
        self,
        architecture: Mapping[str, Any],
        *,
        condition: Tensor | None = None,
        weights: Mapping[str, Tensor] | None = None,
        statistics: Mapping[str, Tensor] | None = None,
    ) -> nn.Module:
        """A plain module, of the builder's own class, that holds copies of the generated weights.

        It is on the generator's device, in evaluation mode, and knows nothing of hypernas.

        Args:
            condition, weights, statistics: as in `call`.
        """
        module = build_seeded(self.space, architecture).to(self._like.device, self._like.dtype)
        with torch.no_grad(), evaluating(self):
            buffers = self.statistics(architecture) if statistics is None else statistics
            weights = self(architecture, condition) if weights is None else weights
            for name, parameter in module.named_parameters():
                parameter.copy_(weights[name])
            own = dict(module.named_buffers())
            for name, buffer in buffers.items():
                own[name].copy_(buffer)
        return module.eval()

    def describe(self) -> Description:
        """What the generator stores, against what it generates."""
        largest = sum(p.numel() for p in self.skeleton(self.space.largest()).parameters())
        stored = sum(p.numel() for p in self.parameters())
        return Description(stored, largest, self.assignment(), self.taxonomy())


@contextlib.contextmanager
def _watching(target: Target, kept: Mapping[str, Tensor]) -> Iterator[None]:
    """Warn of buffers that the target changes by itself, for which there is no place here."""
    others = {n: target.module.get_buffer(n) for n in target.buffers if n not in kept}
    before = {name: buffer._version for name, buffer in others.items()}
    yield
    if changed := [name for name, buffer in others.items() if buffer._version != before[name]]:
        warnings.warn(
            f"the target changes its buffers {changed} while it trains. Only running statistics of "
            f"batch and instance norms are kept, saved and exported; these are lost.",
            stacklevel=4,
        )
