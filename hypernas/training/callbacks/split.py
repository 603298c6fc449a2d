"""The split of a supernet where the gradients of its shared weights disagree."""

import itertools
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hypernas.distributed import Replicated
from hypernas.events import Begun, Event, Stepped
from hypernas.generators.children import children
from hypernas.generators.generator import Generator
from hypernas.generators.methods.few_shot import FewShot
from hypernas.generators.methods.grouping import ValueGroups
from hypernas.generators.methods.partition import balanced_partition, distances, gain
from hypernas.objectives.widening import trained_on
from hypernas.space.architecture import Architecture
from hypernas.space.random_source import below
from hypernas.training.callback import Callback
from hypernas.training.run import TrainingRun


class Split(Callback):
    """Splits a supernet into several, each for those values of one choice whose gradients agree, and these again.

    Few-shot NAS with gradient matching (GM-NAS, Hu et al., 2022, arXiv 2203.15207), for `generators.few_shot` with
    grouping=gradient: until then its first group is trained, as one supernet. For each value of each choice
    the gradients of all that is shared are taken, with the other choices drawn alike; the choice whose values fall
    best into balanced groups is the one that is split by. Every group goes on from the weights, statistics and optimizer state of the one
    supernet (there, weights are initialised anew after the last split).
    Several splits are a recursion, as published: each group is split by a choice of its own that it was not split by before,
    into as many as the first, so four groups are two splits into two.

    We deviate: distances are of generators' parameters; see also `hypernas.generators.methods.partition`.

    Args:
        at: share of training after which to split, or several that rise, each for a split of all groups there are.
        choices: of the space that may be split by; None for all that are always active.
        num_batches: over which distances are averaged; published: 100.

    Raises:
        ValueError: if `at` is not in (0, 1) or does not rise, or there is no batch.
    """

    on_every_rank = True

    def __init__(
        self,
        *,
        at: float | Sequence[float] = 0.3,
        choices: Sequence[str] | None = None,
        num_batches: int = 16,
    ) -> None:
        self.at = [at] if isinstance(at, int | float) else list(at)
        bounds = [0.0, *self.at, 1.0]
        rising = all(one < other for one, other in itertools.pairwise(bounds))
        if not self.at or not rising or num_batches < 1:
            raise ValueError(
                f"at must be in (0, 1), rising if there are several, and num_batches 1 or more, got {at} and {num_batches}."
            )
        self.choices, self.num_batches = choices, num_batches

    def __call__(self, run: TrainingRun, event: Event) -> None:
        match event:
            case Begun():
                self._split(run)  # refuses now
            case Stepped(step=step, steps=steps):
                for level in [
                    i for i, at in enumerate(self.at) if step == max(1, round(at * steps))
                ]:
                    self._divide(run, level)

    def _divide(self, run: TrainingRun, level: int) -> None:
        """Split every group there is."""
        generator, groups = self._split(run)
        every, ways = children(generator.generators, Generator), self._ways(groups)
        there = ways**level
        for of in range(there):
            choice, places = self.decided(run, groups, of)
            groups.decide(choice, [of + there * place for place in places], of=of)
            for place in range(1, ways):
                child = every[of + there * place]
                child.load_state_dict(every[of].state_dict())
                _inherit(run.groups.optimizer, child, every[of])

    def decided(self, run: TrainingRun, groups: ValueGroups, of: int = 0) -> tuple[str, list[int]]:
        """The choice to split a group by, and the place of each of its values among the new ones."""
        best, most = ("", [0]), -float("inf")
        for name in self._candidates(groups, but=groups.held(of)):
            apart = self.distances(run, name, groups.held(of))
            found = balanced_partition(apart, self._ways(groups))
            if (own := gain(apart, found)) > most:
                places = {i: k for k, group in enumerate(found) for i in group}
                best, most = (name, [places[i] for i in sorted(places)]), own
        return best

    def distances(
        self, run: TrainingRun, choice: str, held: Mapping[str, Sequence[Any]] | None = None
    ) -> Tensor:  # shape: (V, V)
        """The mean over batches of how far apart the gradients of a choice's values are.

        Args:
            held: other choice -> the values that it may have; None for all of every choice.
        """
        space, rng = run.generator.space, torch.Generator().manual_seed(run.strategy.seed)
        values, every = (
            space.choices[choice].values,
            {n: c.values for n, c in space.choices.items()},
        )
        every |= held or {}
        found = torch.zeros(len(values), len(values), dtype=torch.double)
        for batch in self._batches(run):
            others = {n: own[below(rng, len(own))] for n, own in every.items()}
            mine = [space.architecture({**others, choice: value}) for value in values]
            found += distances([_gradients(run, architecture, batch) for architecture in mine])
        return found / self.num_batches

    def _batches(self, run: TrainingRun) -> Iterator[tuple[Any, Any]]:
        return itertools.islice(run.batches.starting_at(0), self.num_batches)

    def _candidates(self, groups: ValueGroups, but: Container[str] = ()) -> list[str]:
        every, ways = groups.space.choices, self._ways(groups)
        free = [n for n, c in every.items() if not c.when and len(c.values) >= ways]
        found = free if self.choices is None else list(self.choices)
        wrong = [name for name in found if name not in free]
        if wrong or len(found) < len(self.at):
            raise ValueError(
                f"a supernet is split into {ways} by a choice that is always active and has as many values, another one for each "
                f"of {len(self.at)} splits, which are {free}, got {wrong or self.choices}."
            )
        return [name for name in found if name not in but]

    def _ways(self, groups: ValueGroups) -> int:
        """Groups that one becomes.

        Raises:
            ValueError: if as many splits do not make as many groups.
        """
        ways = round(groups.num ** (1 / len(self.at)))
        if ways ** len(self.at) != groups.num:
            raise ValueError(
                f"{len(self.at)} splits into w groups each make w^{len(self.at)} groups, got {groups.num}: give "
                f"generator.num_groups={2 ** len(self.at)}, say."
            )
        return ways

    def _split(self, run: TrainingRun) -> tuple[FewShot, ValueGroups]:
        """The generator and its groups.

        Raises:
            ValueError: if it is none that can be split.
        """
        generator, storage = run.generator, run.storage
        if not isinstance(generator, FewShot) or not isinstance(generator.groups, ValueGroups):
            raise ValueError(
                "the callback split needs groups that it may decide: take generator=few_shot "
                "generator.grouping=gradient."
            )
        if not isinstance(storage, Replicated) or storage.shard_optimizer:
            raise ValueError(
                "the callback split gives all groups the weights and the optimizer's memory of one, which ranks may "
                "not divide: leave training.shard_banks and training.shard_optimizer off."
            )
        self._candidates(generator.groups)
        return generator, generator.groups


def _gradients(
    run: TrainingRun, architecture: Architecture, batch: tuple[Any, Any]
) -> Mapping[str, Tensor]:
    """The gradients of what is shared, by name; statistics and random states stay as they are."""
    generator, (inputs, targets) = run.generator, batch
    condition, rest = None, inputs
    if run.condition is not None:
        condition, rest = run.condition(inputs), run.condition.rest(inputs)
    subnet = generator.subnet(architecture, condition)
    copies = generator.statistics(subnet).clones()
    devices = [generator.device] if generator.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(run.step)
        outputs = generator.call(subnet, trained_on(run.objective, rest), statistics=copies)
        loss = run.objective.loss(outputs, targets)
    named = {name: p for name, p in generator.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {name: g for name, g in zip(named, found, strict=True) if g is not None}


def _inherit(optimizer: torch.optim.Optimizer, child: Generator, parent: Generator) -> None:
    """Let an optimizer know of a child's parameters what it keeps of its parent's."""
    for own, of in zip(child.parameters(), parent.parameters(), strict=True):
        if of in optimizer.state:
            optimizer.state[own] = {
                key: value.clone() if isinstance(value, Tensor) else value
                for key, value in optimizer.state[of].items()
            }
