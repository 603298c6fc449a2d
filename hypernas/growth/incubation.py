"""Deep incubation: the modules of a deep network, each trained inside a trained shallow one."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from hypernas.generators import Generator, Mixture, shared
from hypernas.generators.mode import evaluating
from hypernas.growth.blocks import Block
from hypernas.growth.branches import branch_ends
from hypernas.growth.chain import Chain
from hypernas.growth.coefficients import Recombiner, Rule
from hypernas.growth.growth import Growth, ordinary_network
from hypernas.growth.network import Network
from hypernas.growth.plan import plan
from hypernas.growth.stages import Stages
from hypernas.growth.subspace import subspace
from hypernas.growth.templates import member
from hypernas.space import SearchSpace

Layers = Literal["drawn", "recombined"]


class Incubate(Growth, Stages):
    """A meta network of one entry a module is trained; then each module of the target in it, alone.

    Ni et al., "Deep Incubation: Training Large Models by Divide-and-Conquering" ("Deep Model
    Assembling"), 2022, arXiv 2212.04129. The only member is the meta network. Stage `i` is the meta
    network with the target's module `i` in the place of its own; only that module learns, so
    modules can be trained in any order, at once. The K modules assembled are the target, to be trained on.

    A module's new layers start as the builder draws them, as published; or, which is ours, from
    templates of the meta network's own module, recombined as `grow` does. Under "recombined" with
    coefficients "copy" and one template each layer is a copy; with "zero" a new residual branch adds nothing, and
    every hybrid starts as the meta network.

    We deviate in three points: what stands around the list of modules (stem, norm, head) starts as the
    meta network has it; a weight tied between both ends stays as it is there until the target is
    trained; and the other modules' norms, while one learns, have the statistics of the batch.

    Args:
        chain: path of the list of modules; None for the only one: see `Chain`.
        layers: new ones are drawn by the builder, or recombined.
        num_templates: of each layer of the meta network, under "recombined".
        coefficients, noise: of new layers, under "recombined": see `Recombiner`.
        coefficient_lr_scale: see `member`.

    Raises:
        ValueError: if `layers` or `coefficients` is unknown.
    """

    def __init__(
        self,
        *,
        chain: str | None = None,
        layers: Layers = "drawn",
        num_templates: int = 2,
        coefficients: Rule = "orthogonal",
        noise: float = 0.1,
        coefficient_lr_scale: float = 0.1,
    ) -> None:
        if layers not in ("drawn", "recombined"):
            raise ValueError(f"layers must be 'drawn' or 'recombined', got {layers!r}.")
        Recombiner(coefficients, noise=noise, seed=0)  # refuses unknown rules
        self.path, self.layers = chain, layers
        self.coefficients: Rule = coefficients
        self.num_templates, self.noise = num_templates, noise
        self.coefficient_lr_scale = coefficient_lr_scale
        super().__init__(self._unincubated, member=self._meta, max_members=1)

    def num_stages(
        self, space: SearchSpace, member: Mapping[str, Any] | str, *, to: Mapping[str, Any] | str
    ) -> int:
        return Chain(space, meta=member, to=to, path=self.path).num_modules

    @torch.no_grad()
    def stage(
        self,
        i: int,
        members: Sequence[Generator],
        space: SearchSpace,
        *,
        to: Mapping[str, Any] | str,
        seed: int,
    ) -> Mixture:
        meta, chain = members[0], self._chain(members, space, to)
        hybrid = shared(chain.hybrid(i), seed=seed + i).to(device=meta.device, dtype=meta.dtype)
        weights, statistics = _held(meta)
        inherited, owned = chain.inherited(i), chain.owned(i)
        started: dict[str, Tensor] = {}
        if self._recombines:
            started = self._recombined(i, chain, meta, {**weights, **statistics}, seed)
        for name in hybrid.assignment:
            (own,) = hybrid.bank(name)
            if name in inherited:
                own.copy_(weights[inherited[name]])
            elif owned[name] in started:
                own.copy_(started[owned[name]])
            if name not in owned:
                hybrid.bank(name).requires_grad_(False)
        kept = hybrid.statistics(hybrid.space.largest())
        known = {n: statistics[inherited[n]] for n in kept.tensors if n in inherited}
        made = {n: started[owned[n]] for n in kept.tensors if owned.get(n) in started}
        kept.fill(made | known)
        return hybrid

    @torch.no_grad()
    def assemble(
        self,
        members: Sequence[Generator],
        stages: Sequence[Generator],
        space: SearchSpace,
        *,
        to: Mapping[str, Any] | str,
        seed: int,
    ) -> Mixture:
        chain = self._chain(members, space, to)
        weights, statistics = _held(members[0])
        found = {name: weights[name] for name in chain.tied}
        measured: dict[str, Tensor] = {}
        for i, stage in enumerate(stages):
            weights, statistics = _held(stage)
            owned = chain.owned(i)
            found |= {owned[n]: weight for n, weight in weights.items() if n in owned}
            measured |= {owned[n]: kept for n, kept in statistics.items() if n in owned}
        large = shared(subspace(space, to), seed=seed)
        large = large.to(device=members[0].device, dtype=members[0].dtype)
        for name, weight in found.items():
            large.bank(name)[0].copy_(weight)
        large.statistics(large.space.largest()).fill(measured)
        return large

    @property
    def _recombines(self) -> bool:
        return self.layers == "recombined"

    def _chain(
        self, members: Sequence[Generator], space: SearchSpace, to: Mapping[str, Any] | str
    ) -> Chain:
        return Chain(space, meta=dict(members[0].space.largest()), to=to, path=self.path)

    def _meta(
        self, space: SearchSpace, *, architecture: Mapping[str, Any] | str, seed: int
    ) -> Generator:
        """The meta network before training: of ordinary weights, or over templates."""
        if not self._recombines:
            return ordinary_network(space, architecture=architecture, seed=seed)
        return member(
            space,
            architecture=architecture,
            num_templates=self.num_templates,
            coefficient_lr_scale=self.coefficient_lr_scale,
            seed=seed,
        )

    def _unincubated(
        self,
        members: Sequence[Generator],
        space: SearchSpace,
        *,
        to: Mapping[str, Any] | str,
        seed: int,
    ) -> Generator:
        """The modules as they are before they learn, assembled."""
        num = self._chain(members, space, to).num_modules
        stages = [self.stage(i, members, space, to=to, seed=seed) for i in range(num)]
        return self.assemble(members, stages, space, to=to, seed=seed)

    def _recombined(
        self, i: int, chain: Chain, meta: Generator, tensors: Mapping[str, Tensor], seed: int
    ) -> dict[str, Tensor]:
        """Weights of the target's module from the templates of the meta network's, and statistics."""
        nets = [Network(s, s.largest()) for s in (chain.entries(i, meta=k) for k in (True, False))]
        small, large = nets
        recombiner = Recombiner(self.coefficients, noise=self.noise, seed=seed + i)
        made = _Made(meta, tensors, f"{chain.path}.{i}.", recombiner)
        ends = branch_ends(large, [small])
        found = {}
        grids = plan(large, [small])
        for name, grid in {**grids.weights, **grids.statistics}.items():
            blocks = [made(f"{name} {k}", b, name in ends) for k, b in enumerate(grid.blocks)]
            entry, _, rest = name.partition(".")
            there = f"{chain.path}.{chain.run(i).start + int(entry)}.{rest}"
            found[there] = grid.assemble(blocks)
        return found


class _Made:
    """Blocks of a module, each from a tensor of the meta network's entry, whose names begin alike."""

    def __init__(
        self,
        meta: Generator,
        tensors: Mapping[str, Tensor],
        beginning: str,
        recombiner: Recombiner,
    ) -> None:
        own = meta.coefficients(meta.space.largest()) if isinstance(meta, Mixture) else {}
        self.vectors = {n: c.experts for n, c in own.items() if c.experts is not None}
        if not isinstance(meta, Mixture) or not self.vectors:
            raise ValueError(
                f"layers='recombined' needs a meta network over templates, and this {type(meta).__name__} has "
                f"none: make it by the member method of the same Incubate, or take layers='drawn'."
            )
        self.stacks = {n: meta.bank(n) for n in self.vectors}
        self.tensors, self.beginning, self.recombiner = tensors, beginning, recombiner
        for name, vector in self.vectors.items():
            recombiner.reads(self.stacks[name], vector)

    def __call__(self, part: str, block: Block, ends: bool) -> Tensor:
        """The meta network's own tensor, or a recombination of its templates."""
        name = self.beginning + block.name.partition(".")[2]
        whole, silent = self.tensors[name], block.intrudes or (block.newborn and ends)
        if not block.own and name in self.vectors:
            stack, vector = self.stacks[name], self.vectors[name]
            coefficients = self.recombiner(part, stack, vector, silent=silent)
            whole = torch.tensordot(coefficients, stack, dims=1)
        elif not block.own and silent and self.recombiner.rule == "zero":
            whole = torch.zeros_like(whole)
        return block.taken(whole)


def _held(generator: Generator) -> tuple[dict[str, Tensor], Mapping[str, Tensor]]:
    """The weights and the norm statistics of a generator's only architecture."""
    only = generator.space.largest()
    with evaluating(generator):
        return generator(only), generator.statistics(only).tensors
