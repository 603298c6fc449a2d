"""A weight generator: architecture -> the weights of the module built for it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.generators.description import Description, described
from hypernas.generators.mode import evaluating, full_precision
from hypernas.generators.padding import PaddingRows
from hypernas.generators.statistics import Statistics
from hypernas.generators.taxonomy import Input, Taxonomy
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.space.encoding import Encoding
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.cache import Cache
from hypernas.subnet.norms import calibrate
from hypernas.subnet.skeleton import (
    build_anatomy,
    build_seeded,
    compute_attributes,
)
from hypernas.subnet.subnet import Slices, Subnet
from hypernas.subnet.supernet import Supernet
from hypernas.subnet.target import Target, check_weights, placing
from hypernas.subnet.transforms import untransformed

Given = Mapping[str, Any] | Subnet  # an architecture, or what it was resolved to


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
    put them to use. An architecture is given as any mapping, of which inactive choices are ignored,
    or as the `Subnet` that `subnet` resolved it to. Weights are generated in the generator's own
    precision, also under autocast, which is for the target. What torch would not train of the
    target is not made here but added: see `hypernas.subnet.fixed.Fixed`.

    A generator may read a *condition* beside the architecture: a vector of `condition_dim` numbers
    (a task's embedding, noise, a summary of the batch), which gradients reach. It is given where a
    subnet is resolved: `generator(generator.subnet(architecture, condition))`.

    A subclass writes three methods: `generate`, `statistics` and `parameter_groups`.

    Args:
        space: the search space.
        supernet: its largest shapes, of which subnets take slices; None where they do not.
        condition_dim: C, how many numbers the condition has; 0 for no condition.
        num_remembered: subnets that are kept resolved.

    Attributes:
        assignment: parameter of the target -> in words, how its weights come about.
        taxonomies: the kinds of hypernetworks that it is made of; none if it is none.
    """

    assignment: Mapping[str, str] = MappingProxyType({})
    taxonomies: tuple[Taxonomy, ...] = ()
    _like: Tensor

    def __init__(
        self,
        space: SearchSpace,
        *,
        supernet: Supernet | None = None,
        condition_dim: int = 0,
        num_remembered: int = 256,
    ) -> None:
        super().__init__()
        self.space = space
        self.condition_dim = condition_dim
        self._supernet = supernet
        self._encoding = Encoding(space)
        self._subnets: Cache[Subnet] = Cache(num_remembered)
        self.padding = PaddingRows()
        self.register_buffer("_like", torch.empty(0), persistent=False)  # our device and dtype

    @abstractmethod
    def generate(
        self,
        subnets: Sequence[Subnet],  # N of them, one or more
    ) -> list[dict[str, Tensor]]:
        """The weights of each: name of a parameter that requires a gradient -> tensor of its shape.

        What a subclass writes; `forward` and `many` are what is called.
        """

    @abstractmethod
    def statistics(self, architecture: Given) -> Statistics:
        """The running statistics of the subnet's norms, and what else of its buffers training changes."""

    @abstractmethod
    def parameter_groups(self) -> list[ParameterGroup]:
        """Every parameter once, by how an optimizer should treat it."""

    @property
    def device(self) -> torch.device:
        return self._like.device

    @property
    def dtype(self) -> torch.dtype:
        return self._like.dtype

    def subnet(
        self,
        architecture: Given,
        condition: Tensor | None = None,  # shape: (C,)
    ) -> Subnet:
        """An architecture, resolved: what stands behind this border takes nothing else.

        A subnet of this generator is returned as it is, unless it is to have another condition; one of
        another generator is resolved anew, here.

        Raises:
            ValueError: if the architecture is not of the space, does not fit inside the largest
                shapes, or the condition is not of C numbers.
        """
        like = self._like
        if isinstance(architecture, Subnet):
            there = architecture.features.device, architecture.features.dtype
            if condition is None:
                if architecture.home is self._subnets and there == (like.device, like.dtype):
                    return architecture
                condition = architecture.condition if self.condition_dim else None
            architecture = architecture.architecture
        place = (like.device, like.dtype)
        found = None
        if isinstance(architecture, Architecture):
            found = self._subnets.find((architecture, *place))
        if found is None:
            canonical = self.space.architecture(architecture)
            found = self._subnets.get((canonical, *place), lambda: self._resolved(canonical))
        if condition is None and not self.condition_dim:
            return found
        if condition is None or condition.shape != (self.condition_dim,):
            raise ValueError(_misfit(self.condition_dim, condition))
        return found.under(condition)

    @untransformed()
    def _resolved(self, architecture: Architecture) -> Subnet:
        like = self._like
        anatomy = build_anatomy(self.space, architecture).moved(placing(like.device, like.dtype))
        return Subnet(
            architecture,
            Target(anatomy.module, anatomy),
            Slices({}, {})
            if self._supernet is None
            else self._supernet.place(architecture, anatomy),
            self._encoding(architecture).to(like.device, like.dtype, non_blocking=True),
            home=self._subnets,
        )

    def forward(self, architecture: Given) -> dict[str, Tensor]:
        """The weights of an architecture: parameter name -> tensor of that parameter's shape.

        Raises:
            ValueError: as `subnet`.
        """
        return self.many([architecture])[0]

    def many(self, architectures: Sequence[Given]) -> list[dict[str, Tensor]]:
        """The weights of N architectures, of which what they have in common is computed once.

        Raises:
            ValueError: as `subnet`.
        """
        subnets = [self.subnet(architecture) for architecture in architectures]
        if not subnets:
            return []
        with full_precision(self.device):
            generated = self.generate(subnets)
        return [self.complete(*pair) for pair in zip(subnets, generated, strict=True)]

    def complete(self, subnet: Subnet, generated: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights that were generated, with those that nobody trains."""
        return subnet.target.fixed(generated, self.padding.rows())

    def call(
        self,
        architecture: Given,
        *inputs: Any,
        weights: Mapping[str, Tensor] | None = None,
        statistics: Mapping[str, Tensor] | None = None,
        **keywords: Any,
    ) -> Any:
        """The output of the subnet of an architecture on inputs, in the generator's mode.

        Args:
            inputs, keywords: the target's arguments. One that has keywords called as those below gets all of
                them as `hypernas.subnet.arguments.Arguments`, in the place of inputs.
            weights: what `forward` or `many` returned before; by default they are generated now.
            statistics: those of batch norms, from `calibrate`; by default the generator's own,
                which training mode updates.
        """
        subnet = self.subnet(architecture)
        target = subnet.target
        target.train(self.training)
        kept = self.statistics(subnet).overlaid(statistics)
        if weights is None:
            (weights,) = self.many([subnet])
        check_weights(target.shapes, weights, of=subnet.architecture)
        versions = target.versions(kept.tensors) if self.training else {}
        given = Arguments.called(inputs, keywords)
        outputs = target.run(weights, given, buffers=kept.tensors)
        if self.training:
            kept.put_back()
            if changed := target.changed(versions):
                kept.adopt(changed)
        return outputs

    def calibrate(
        self,
        architecture: Given,
        batches: Iterable[Any],
        *,
        weights: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Fresh norm statistics of a subnet from batches of inputs: see `hypernas.subnet.norms.calibrate`.

        Args:
            weights: as in `call`.
        """
        subnet = self.subnet(architecture)
        with torch.no_grad(), evaluating(self):
            made: Mapping[str, Tensor] = self(subnet) if weights is None else weights
            subnet.target.train(False)
            own = self.statistics(subnet).tensors
            return calibrate(subnet.target.module, made, batches, own)

    def export(
        self,
        architecture: Given,
        *,
        weights: Mapping[str, Tensor] | None = None,
        statistics: Mapping[str, Tensor] | None = None,
    ) -> nn.Module:
        """A plain module, of the builder's own class, that holds copies of the generated weights.

        It is on the generator's device, in evaluation mode, and knows nothing of hypernas.

        Args:
            weights, statistics: as in `call`.
        """
        subnet = self.subnet(architecture)
        module = build_seeded(self.space, subnet.architecture)
        module._apply(placing(self.device, self._like.dtype))
        with torch.no_grad(), evaluating(self):
            buffers = self.statistics(subnet).overlaid(statistics).tensors
            made: Mapping[str, Tensor] = self(subnet) if weights is None else weights
            for name, parameter in module.named_parameters():
                parameter.copy_(made[name])
            own = dict(module.named_buffers())
            for name, buffer in buffers.items():
                own[name].copy_(buffer)
            return compute_attributes(module.eval())

    def describe(self, *, condition: Sequence[Input] = ()) -> Description:
        """The size of the generator, parameters stored against weights generated, and what hypernetwork it is.

        Args:
            condition: the kinds of what it reads beside the architecture, as `Condition.kinds` tells them.
        """
        own = list(self.parameters())
        return described(self.space, own, self.assignment, self.taxonomies, condition)


def _misfit(dim: int, condition: Tensor | None) -> str:
    got = None if condition is None else f"the shape {tuple(condition.shape)}"
    advice = (
        f"Resolve the architecture with a tensor of shape ({dim},): "
        f"generator.subnet(architecture, condition)."
        if dim
        else "Leave the condition out, or make the generator with a condition_dim."
    )
    return (
        f"this generator reads {dim or 'no'} numbers beside the architecture (condition_dim={dim}), "
        f"got condition={got}. {advice}"
    )
