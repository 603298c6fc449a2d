"""A generator whose own parameters are masked: one bank, of which each task uses a part."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hypernas.border import checked
from hypernas.generators import Generator, Given, ParameterGroup
from hypernas.generators.methods.patterns import matching
from hypernas.generators.statistics import Statistics
from hypernas.masks.supermask import Supermask
from hypernas.subnet.subnet import Subnet


class Masked(Generator):
    """θ -> M ⊙ θ, from which any generator makes the weights: W(a) = f(M ⊙ θ, a).

    Under `generators.shared` θ are the weights, and this is the supermask of Wortsman et al., 2020, "Supermasks in
    Superposition", arXiv 2006.14769. Under a generator of templates or experts it is these that are masked, so all of
    them can be owned by tasks whatever weights are made of them, and every architecture of the space has its weights.

    Args:
        generator: of any kind; its parameters are read, and stay its own.
        density: share of each masked parameter that is kept.
        masked: patterns of the parameters that are; None for the matrices, which are those that decay
            (`parameter_groups`). Published networks have no others.
        seed: of the scores.

    Raises:
        ValueError: if a pattern matches no parameter, or there is no matrix.
    """

    @checked
    def __init__(
        self,
        generator: Generator,
        *,
        density: float = 0.1,
        masked: Sequence[str] | str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            generator.space, supernet=generator._supernet, condition_dim=generator.condition_dim
        )
        self.inner = _Generation(generator)
        self.assignment = {name: f"masked: {how}" for name, how in generator.assignment.items()}
        self.taxonomies = generator.taxonomies
        every = dict(generator.named_parameters())
        matrices = {id(p) for g in generator.parameter_groups() if g.decay for p in g.parameters}
        names = [name for name, p in every.items() if id(p) in matrices]
        if masked is not None:
            names = matching(list(every), masked, purpose="masked")
        if not names:
            raise ValueError(
                f"the generator has no matrices to mask: expected masked= to name some of its parameters {list(every)}."
            )
        shapes = [
            tuple(s) for s in generator.subnet(generator.space.largest()).target.shapes.values()
        ]
        self.supermask = Supermask(
            {name: every[name].shape for name in names},
            density=density,
            fans={name: _fan_in(tuple(every[name].shape), shapes) for name in names},
            seed=seed,
        )
        self._held: Mapping[str, Tensor] | None = None
        self.to(generator.device)

    @property
    def generator(self) -> Generator:
        return self.inner.generator

    @property
    def parameters_masked(self) -> dict[str, nn.Parameter]:
        """The generator's parameters that are masked, by name."""
        every = dict(self.generator.named_parameters())
        return {name: every[name] for name in self.supermask.shapes}

    @property
    def parameters_left(self) -> dict[str, nn.Parameter]:
        """The generator's other parameters, by name."""
        own = self.supermask.shapes
        return {name: p for name, p in self.generator.named_parameters() if name not in own}

    @contextlib.contextmanager
    def using(self, masks: Mapping[str, Tensor]) -> Iterator[None]:
        """Within, these are the masks, and no longer those of the scores; mixtures of masks too.

        Raises:
            ValueError: naming each that is missing, superfluous or of another shape.
        """
        own = self.supermask.shapes
        wrong = [
            f"{name}: expected {tuple(own[name]) if name in own else 'no such mask'}, "
            f"got {tuple(masks[name].shape) if name in masks else 'none'}"
            for name in {**own, **masks}
            if name not in own or name not in masks or masks[name].shape != own[name]
        ]
        if wrong:
            raise ValueError(
                "masks do not fit the generator's parameters:\n  " + "\n  ".join(wrong)
            )
        before, self._held = self._held, masks
        try:
            yield
        finally:
            self._held = before

    def generate(self, subnets: Sequence[Subnet]) -> list[dict[str, Tensor]]:
        masks = self.supermask() if self._held is None else self._held
        masked = {
            f"generator.{name}": parameter * _factor(masks[name])
            for name, parameter in self.parameters_masked.items()
        }
        own = [self.generator.subnet(subnet) for subnet in subnets]
        return functional_call(self.inner, masked, (own,))

    def statistics(self, architecture: Given) -> Statistics:
        return self.generator.statistics(self.subnet(architecture))

    def parameter_groups(self) -> list[ParameterGroup]:
        """The generator's own, and the scores, which do not decay."""
        scores = list(self.supermask.parameters())
        return [
            *self.generator.parameter_groups(),
            ParameterGroup("scores", scores, decay=False),
        ]


def _factor(mask: Tensor) -> Tensor:
    """A mask to multiply by: torch multiplies by bytes in 0.4 of the time of truth values."""
    return mask.view(torch.int8) if mask.dtype == torch.bool else mask


class _Generation(nn.Module):
    """The part of a generator that reads its parameters, as a module that `functional_call` can call."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, subnets: Sequence[Subnet]) -> list[dict[str, Tensor]]:
        return self.generator.generate(subnets)


@torch.no_grad()
@checked
def make_signed(masked: Masked, *, gain: float = math.sqrt(2)) -> None:
    """Give every entry that is masked the same magnitude, `sign(w) gain / √fan_in`, in place.

    The signed constants from which supermasks are published to be cut (arXiv 2006.14769, 2210.10209).

    Args:
        gain: √2 is that of ReLU.
    """
    for name, parameter in masked.parameters_masked.items():
        fan_in = max(masked.supermask.fans[name], 1)
        parameter.copy_(parameter.sign() * (gain / math.sqrt(fan_in)))


def _fan_in(shape: tuple[int, ...], targets: Sequence[tuple[int, ...]]) -> int:
    """That of a parameter, or of the entries of a stack of tensors of the target."""
    return math.prod(shape[2:] if shape[1:] in targets and len(shape) > 2 else shape[1:])
