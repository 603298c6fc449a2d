"""Members: small networks over templates, from which a large one is grown."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.generators import Mixture, ParameterGroup, Start, start_at
from hypernas.generators.banks.bank import Bank, key
from hypernas.generators.banks.draws import Starts
from hypernas.generators.banks.templates import solved
from hypernas.generators.coefficients.learned import Free, orthogonal
from hypernas.generators.methods.patterns import matching
from hypernas.generators.start.startable import StartableBank
from hypernas.growth.subspace import subspace
from hypernas.space import SearchSpace
from hypernas.subnet.supernet import Supernet


class LayerTemplates(Bank, StartableBank):
    """For each parameter a stack of templates of its own, each drawn by the builder.

    Args:
        supernet: the shapes.
        starts: the builder's initialisation, with a draw for each template.
        num_templates: parameter name -> T; others have one entry.
    """

    def __init__(
        self, supernet: Supernet, starts: Starts, *, num_templates: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.num_templates = dict(num_templates)
        self.stacks = nn.ParameterDict(
            {
                key(name): nn.Parameter(
                    torch.stack([draw[name] for draw in starts.draws[: num_templates.get(name, 1)]])
                )
                for name in supernet.shapes
            }
        )

    def forward(self, name: str) -> Tensor:  # shape: (T, *shape)
        return self.stacks[key(name)]

    def parameter_groups(self) -> list[ParameterGroup]:
        stacks = list(self.stacks.values())
        return [
            ParameterGroup("templates", [p for p in stacks if p.dim() > 2], decay=True),
            ParameterGroup("vectors", [p for p in stacks if p.dim() <= 2], decay=False),
        ]

    def words(self, name: str) -> str:
        num = self.num_templates.get(name)
        return f"{num} templates" if num else ""

    def hold(self, mixes: Mapping[str, Tensor], gates: Mapping[str, Tensor]) -> None:
        for name, mix in mixes.items():
            stack = self.stacks[key(name)]
            stack.copy_(solved(stack, [mix], [gates[name]]))


@checked
def member(
    space: SearchSpace,
    *,
    architecture: Mapping[str, Any] | str = "smallest",
    num_templates: int = 2,
    templates: Sequence[str] | str = "*",
    coefficient_lr_scale: float = 0.1,
    seed: int = 0,
    start: Start | None = None,
) -> Mixture:
    """A generator of one architecture: W = Σ_t a_t T_t, templates and coefficients of each layer's own.

    What MixtureGrowth trains before it grows (Pham et al., WACV 2024, section 3). We deviate: each
    template starts as the builder initialises the layer, where the published code takes the fan-in of
    the whole stack and so starts too small by the square root of the outputs; and the coefficients
    start as a random vector of length 1, so the layer starts as large as the builder makes it.
    Vectors, and what the builder sets to a constant, have no templates.

    Args:
        architecture: of the space; a mapping, "largest" or "smallest". The generator's own space
            has only this one.
        num_templates: T; the members of a growth need T of their number or more (see `grow`).
        templates: patterns of the parameters of two or more axes that have templates.
        coefficient_lr_scale: learning rate of the coefficients, relative to that of the templates.
            Published: 1, with SGD. With Adam a step of a coefficient scales a whole layer: a
            transformer's members learned far worse at 1 (see experiments/growth).
        seed: of the initialisation. Members of different seeds are different networks.
        start: a trained module of this architecture to begin at (see `hypernas.generators.start_at`).

    Raises:
        ValueError: if the architecture is not of the space, a pattern matches no parameter, or
            there is to be less than one template.
    """
    if num_templates < 1:
        raise ValueError(f"num_templates must be 1 or more, got {num_templates}.")
    supernet = Supernet(subspace(space, architecture))
    starts = Starts(supernet, num=num_templates, seed=seed)
    matrices = [name for name, shape in supernet.shapes.items() if len(shape) > 1]
    mixed = starts.random(matching(matrices, templates, purpose="templates"))
    numbers = dict.fromkeys(mixed, num_templates)
    initial = orthogonal(
        [[name] for name in mixed],
        num_entries=numbers,
        scales=dict.fromkeys(mixed, 1.0),
        seed=seed,
    )
    untrained = Mixture(
        supernet,
        bank=LayerTemplates(supernet, starts, num_templates=numbers),
        source=Free(initial),
        coefficient_lr_scale=coefficient_lr_scale,
    )
    return start_at(untrained, start)
