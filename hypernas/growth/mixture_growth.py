"""MixtureGrowth: a large network over the templates of small ones."""

import copy
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.generators import Generator, Mixture
from hypernas.generators.banks.bank import Bank
from hypernas.generators.coefficients.learned import Free
from hypernas.generators.coefficients.source import CoefficientSource, Constant
from hypernas.generators.selection.slicer import Prefix
from hypernas.growth.blocks import Block, Grid
from hypernas.growth.branches import branch_ends
from hypernas.growth.coefficients import Recombiner, Rule
from hypernas.growth.growth import Growth
from hypernas.growth.members import Divided, Members
from hypernas.growth.recombination import (
    Blocks,
    RecombinedBank,
    RecombinedCoefficients,
    parts,
)
from hypernas.growth.templates import member
from hypernas.space import SearchSpace
from hypernas.training.optimizer import Memory


@checked
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
        members: mixtures over templates (`member`, or soft sharing over `subspace`), one or more.
        space: of the large network; that of the members or a wider one, of comparable modules.
        to: the large architecture; a mapping, "largest" or "smallest".
        coefficients: of new blocks: orthogonal, copy, copy_noise, zero or random; see `Recombiner`.
        noise: of copy_noise, in units of the length of the coefficients.
        average: True for logits that are the members' mean, not their sum; or patterns of the
            parameters to divide by the number of members, where the logits' layer is tied to an
            embedding.
        silent: patterns of the parameters at the ends of residual branches, which are zero, under
            "zero", in layers that a member lacks; None finds them, see `branch_ends`.
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
    held = _held(found)
    recombiner = Recombiner(coefficients, noise=noise, seed=seed)
    ends = branch_ends(found.target, found.nets, silent)
    grids = found.plan.weights
    new, fresh = _new_parts(grids, held, recombiner, ends)
    recombiner.warn()
    for name, by in found.divisors(average).items():
        _divide(by, parts(grids)[name], held, new, fresh)
    blocks = {part: b for own in parts(grids).values() for part, b in own.items()}
    large = Mixture(
        found.target.supernet,
        bank=RecombinedBank(held.banks, blocks, fresh, lr_scale=inherited_lr_scale),
        source=RecombinedCoefficients(
            held.sources, {part: b for part, b in blocks.items() if b.own}, new
        ),
        slicer=Blocks(grids, fresh),
        coefficient_lr_scale=coefficient_lr_scale,
    )
    grown = found.place(large)
    grown.statistics(found.target.architecture).fill(found.statistics())
    return grown


class _Held(NamedTuple):
    """Copies of the members' parts, of each member one."""

    banks: list[Bank]
    sources: list[CoefficientSource]
    vectors: list[dict[str, Tensor]]  # parameter -> coefficients, shape (K,)
    stacks: list[dict[str, Tensor]]  # parameter -> stack, shape (K, *shape)


def _held(found: Members) -> _Held:
    own = [_mixture(m, generator) for m, generator in enumerate(found.generators)]
    banks = [copy.deepcopy(member.bank) for member in own]
    sources = [copy.deepcopy(member.source) for member in own]
    stacks = [  # read once: recombiners tell stacks apart as objects, and some banks make new ones
        {name: bank(name) for name in net.weights}
        for bank, net in zip(banks, found.nets, strict=True)
    ]
    return _Held(banks, sources, [_vectors(m) for m in own], stacks)


def _new_parts(
    grids: Mapping[str, Grid], held: _Held, recombiner: Recombiner, ends: Collection[str]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Coefficients of the new parts that have templates, and tensors of the others."""
    for stacks, vectors in zip(held.stacks, held.vectors, strict=True):
        for name, vector in vectors.items():
            recombiner.reads(stacks[name], vector)
    coefficients: dict[str, Tensor] = {}
    fresh: dict[str, Tensor] = {}
    for name, own in parts(grids).items():
        for part, block in own.items():
            if block.own:
                continue
            silenced = block.intrudes or (block.newborn and name in ends)
            stack, vectors = held.stacks[block.member][block.name], held.vectors[block.member]
            if block.name in vectors:
                vector = vectors[block.name]
                coefficients[part] = recombiner(part, stack, vector, silent=silenced)
            else:
                fresh[part] = block.taken(stack[0]).clone()
                if recombiner.rule == "zero" and silenced:
                    fresh[part].zero_()
    return coefficients, fresh


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
    if not isinstance(generator.source, Free | Constant) or not isinstance(
        generator.slicer, Prefix
    ):
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
    blocks: Mapping[str, Block],
    held: _Held,
    new: Mapping[str, Tensor],
    fresh: Mapping[str, Tensor],
) -> None:
    """Divide a parameter of the large network, in place: coefficients where there are any."""
    features = torch.zeros(1, 0)
    for part, block in blocks.items():
        if not block.own:
            (new[part] if part in new else fresh[part]).div_(by)
            continue
        own = held.sources[block.member](features)[0]
        if block.name in own:
            own[block.name].experts.div_(by)
        else:
            held.banks[block.member](block.name).div_(by)


class Recombine(Growth):
    """Members over templates; new blocks are recombinations of these: see `grow`.

    Args:
        num_templates: T, of each layer of each member.
        templates: patterns of the parameters that have templates: see `member`.
        coefficients, noise, average, silent, inherited_lr_scale: see `grow`.
        coefficient_lr_scale: learning rate of coefficients, in members and in the large network.
    """

    def __init__(
        self,
        *,
        num_templates: int = 2,
        templates: Sequence[str] | str = "*",
        coefficients: Rule = "orthogonal",
        noise: float = 0.1,
        average: Divided = False,
        silent: Sequence[str] | str | None = None,
        coefficient_lr_scale: float = 0.1,
        inherited_lr_scale: float = 1.0,
    ) -> None:
        super().__init__(
            partial(
                grow,
                coefficients=coefficients,
                noise=noise,
                average=average,
                silent=silent,
                coefficient_lr_scale=coefficient_lr_scale,
                inherited_lr_scale=inherited_lr_scale,
            ),
            member=partial(
                member,
                num_templates=num_templates,
                templates=templates,
                coefficient_lr_scale=coefficient_lr_scale,
            ),
            inherit=_kept,
        )


def _kept(memories: Sequence[Memory]) -> Memory:
    """The optimizer state of templates, coefficients and vectors; new ones start afresh."""
    places = {"bank.": "bank.banks", "source.": "source.sources"}
    return {
        f"{place}.{m}.{name.removeprefix(part)}": kept
        for m, memory in enumerate(memories)
        for name, kept in memory.items()
        for part, place in places.items()
        if name.startswith(part)
    }
