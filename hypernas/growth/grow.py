"""Growing: a large network from what small ones have learned."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hypernas.generators import Generator, Mixture
from hypernas.generators.coefficients.learned import Free
from hypernas.generators.coefficients.source import Constant
from hypernas.generators.selection.slicer import Plain
from hypernas.growth.blocks import Block
from hypernas.growth.coefficients import Recombiner, Rule
from hypernas.growth.members import Divided, Members
from hypernas.growth.recombination import (
    Blocks,
    RecombinedBank,
    RecombinedCoefficients,
    parts,
)
from hypernas.growth.silence import ends_of_branches
from hypernas.space import SearchSpace


@torch.no_grad()
def grow(
    members: Generator | Sequence[Generator],
    space: SearchSpace,
    *,
    to: Mapping[str, Any] | str = "largest",
    coefficients: Rule = "orthogonal",
    noise: float = 0.1,
    average: Divided = False,
    silent: Sequence[str] | str | None = None,
    coefficient_lr_scale: float = 0.1,
    inherited_lr_scale: float = 1.0,
    seed: int = 0,
) -> Mixture:
    """A generator of a large architecture over the templates of small, trained ones.

    Pham et al., "MixtureGrowth: Growing Neural Networks by Recombining Learned Parameters", WACV
    2024. Each weight of the large network is a matrix of blocks: on the diagonal those of the members,
    off it recombinations of the row's templates by new coefficients (see `hypernas.growth.blocks`).
    What they do not have: any number of members, of unequal widths; channels that no member brings,
    and layers that none has, made of recombined templates; any module of a search space.

    With `coefficients="zero"`, in evaluation mode, no output of a member hears anything new: the
    outputs are the sum of the members' (the mean with `average`) wherever every layer acts on the
    channels of each member by themselves: linear layers, convolutions, attention by heads, batch
    norms, group norms whose groups are within members, element-wise functions. *Not* layer norms, and
    group norms across members: they use a mean and a deviation of all channels, so members change
    each other unless their channels have the same mean and deviation, as those of equal members
    have. Nor what several members have one of, such as a shared slope: it becomes their mean.
    `deviation` measures by how much. A layer that a member lacks changes nothing if it is a
    residual branch whose end is `silent`.

    Vectors (biases, norms) and what has no templates stand one after the other; those of new
    channels and layers are copies, in parameters of their own. Statistics of batch norms stand one
    after the other too, as published; off-diagonal blocks that are not zero make others true:
    `recalibrate`.

    Everything is copied: the members stay as they are.

    Args:
        members: mixtures over templates (`member`, or soft sharing over `single`), one or more.
        space: of the large network; that of the members or a wider one, of comparable modules.
        to: the large architecture; a mapping, "largest" or "smallest".
        coefficients: of new blocks: orthogonal, copy, copy_noise, zero or random; see `Recombiner`.
        noise: of copy_noise, in units of the length of the coefficients.
        average: whether logits are the members' mean, not their sum; or patterns of the parameters
            to divide by the number of members, where the logits' layer is tied to an embedding.
        silent: patterns of the parameters at the ends of residual branches, which are zero, under
            "zero", in layers that a member lacks; None finds them, see `ends_of_branches`.
        coefficient_lr_scale: learning rate of the coefficients, old and new, as in `member`.
        inherited_lr_scale: learning rate of templates and vectors that the members had; 0 holds them
            and trains coefficients, and new vectors, alone. Published: 1.
        seed: of the draws.

    Raises:
        ValueError: if a member has no templates or coefficients that depend on the architecture, if
            the large architecture is smaller or not comparable (naming every parameter), or a
            setting is unknown.
    """
    found = Members(members, space, to)
    own = [_mixture(m, generator) for m, generator in enumerate(found.generators)]
    recombiner = Recombiner(coefficients, noise=noise, seed=seed)
    ends = ends_of_branches(found.target, found.nets, silent)
    banks = [copy.deepcopy(member.bank) for member in own]
    sources = [copy.deepcopy(member.source) for member in own]
    vectors = [_vectors(m) for m in own]  # parameter -> coefficients, shape (K,)
    stacks = [  # read once: recombiners tell stacks apart as objects, and some banks make new ones
        {name: bank(name) for name in net.weights}
        for bank, net in zip(banks, found.nets, strict=True)
    ]
    for m, held in enumerate(vectors):
        for name, vector in held.items():
            recombiner.reads(stacks[m][name], vector)
    grids = found.plan.weights
    blocks = {part: b for held in parts(grids).values() for part, b in held.items()}
    names = {part: name for name, held in parts(grids).items() for part in held}
    new: dict[str, Tensor] = {}
    fresh: dict[str, Tensor] = {}
    for part, block in blocks.items():
        if block.own:
            continue
        silenced = block.intrudes or (block.newborn and names[part] in ends)
        stack, held = stacks[block.member][block.name], vectors[block.member]
        if block.name in held:
            new[part] = recombiner(part, stack, held[block.name], silent=silenced)
        else:
            fresh[part] = block.taken(stack[0]).clone()
            if coefficients == "zero" and silenced:
                fresh[part].zero_()
    recombiner.warn()
    for name, by in found.divisors(average).items():
        _divide(by, name, parts(grids)[name], banks, sources, new, fresh)
    large = Mixture(
        found.target.supernet,
        bank=RecombinedBank(banks, blocks, fresh, lr_scale=inherited_lr_scale),
        source=RecombinedCoefficients(
            sources, {part: b for part, b in blocks.items() if b.own}, new
        ),
        slicer=Blocks(grids, fresh),
        coefficient_lr_scale=coefficient_lr_scale,
    )
    grown = found.place(large)
    kept = grown.statistics(found.target.architecture)
    for name, value in found.statistics().items():
        kept[name].copy_(value)
    return grown


def _mixture(m: int, generator: Generator) -> Mixture:
    """A member, which must be templates and coefficients that are free."""
    advice = "Make members by growth.member(space, architecture=..., num_templates=...)"
    if not isinstance(generator, Mixture):
        raise ValueError(
            f"member {m} is no mixture of templates, but a {type(generator).__name__}: there is "
            f"nothing to recombine. {advice}; other methods of growth take any generator."
        )
    if isinstance(generator.slicer, Blocks):
        raise ValueError(
            f"member {m} is grown itself: grow from its own members at once, of which there can be "
            f"any number."
        )
    if not isinstance(generator.source, Free | Constant) or not isinstance(generator.slicer, Plain):
        raise ValueError(
            f"member {m} has coefficients or slices that depend on the architecture "
            f"({type(generator.source).__name__}, {type(generator.slicer).__name__}). {advice}."
        )
    if not _vectors(generator):
        raise ValueError(
            f"member {m} has no templates: each parameter has one tensor and no coefficients, so "
            f"there is nothing to recombine. {advice}."
        )
    return generator


def _vectors(generator: Mixture) -> dict[str, Tensor]:
    """Parameter -> its coefficients, shape (K,), of those that have any."""
    found = generator.coefficients(generator.space.largest())
    return {name: c.experts for name, c in found.items() if c.experts is not None}


def _divide(
    by: int,
    name: str,
    blocks: Mapping[str, Block],
    banks: Sequence[Any],
    sources: Sequence[Any],
    new: Mapping[str, Tensor],
    fresh: Mapping[str, Tensor],
) -> None:
    """Divide a parameter of the large network, in place: coefficients where there are any."""
    features = torch.zeros(1, 0)
    for part, block in blocks.items():
        if not block.own:
            (new[part] if part in new else fresh[part]).div_(by)
            continue
        held = sources[block.member](features)[0]
        if block.name in held:
            held[block.name].experts.div_(by)
        else:
            banks[block.member](block.name).div_(by)
