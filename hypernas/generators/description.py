"""Size of a generator: parameters stored against weights generated, and the kind of hypernetwork it is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from hypernas.generators.taxonomy import Input, Taxonomy
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.skeleton import build_skeleton


@dataclass(frozen=True)
class Description:
    """The size of a generator.

    Attributes:
        num_stored: parameters that are trained.
        num_generated: weights of the largest subnet.
        assignment: parameter of the target -> how its weights come about.
        taxonomies: the kinds of hypernetworks that it is made of, each once; none if it is none.
    """

    num_stored: int
    num_generated: int
    assignment: dict[str, str]
    taxonomies: tuple[Taxonomy, ...] = ()

    @property
    def stored_per_weight(self) -> float:
        return self.num_stored / max(1, self.num_generated)

    def __str__(self) -> str:
        lines = [
            f"{self.num_stored:,} parameters stored for {self.num_generated:,} weights of the "
            f"largest subnet ({self.stored_per_weight:.2f} a weight)"
        ]
        lines += [f"  {taxonomy}" for taxonomy in self.taxonomies]
        kinds: dict[str, list[str]] = {}
        for name, kind in self.assignment.items():
            kinds.setdefault(kind, []).append(name)
        lines += [
            f"  {kind}: {len(names)} parameters, {names[0]} first" for kind, names in kinds.items()
        ]
        return "\n".join(lines)


def described(
    space: SearchSpace,
    parameters: Sequence[nn.Parameter],
    assignment: Mapping[str, str],
    taxonomies: Sequence[Taxonomy],
    condition: Sequence[Input],
) -> Description:
    """The description of a generator over a space, told of what kinds its condition is, if it reads one."""
    generated = _shapes(space, space.largest())
    others = [space.smallest(), *space.references()] if taxonomies else []
    changes = any(_shapes(space, other) != generated for other in others)
    own = [
        (taxonomy.under(condition) if condition else taxonomy).over(
            num_architectures=space.size, shapes_change=changes
        )
        for taxonomy in taxonomies
    ]
    return Description(
        sum(parameter.numel() for parameter in parameters),
        sum(map(math.prod, generated.values())),
        dict(assignment),
        tuple(dict.fromkeys(own)),
    )


def _shapes(space: SearchSpace, architecture: Architecture) -> dict[str, tuple[int, ...]]:
    skeleton = build_skeleton(space, architecture)
    return {n: tuple(p.shape) for n, p in skeleton.named_parameters() if p.requires_grad}
