"""AOWS: the best of an additive model, decoded exactly, and samples around it."""

import itertools
import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from hypernas.search.additive import Additive, branches
from hypernas.search.budget import bisected, exact
from hypernas.search.chain import Chain, Floats, Path, marginals
from hypernas.search.problem import Problem
from hypernas.search.region import Region
from hypernas.search.search import Search
from hypernas.space import Architecture, SearchSpace
from hypernas.space.architecture import Value
from hypernas.space.random_source import unit
from hypernas.training.settings import check_ranges

Branch = Mapping[str, Sequence[Value]]

_COST_SAMPLES = 400  # architectures that a known cost is modelled on
_FEW = 100_000  # paths of a chain whose costs are not rounded
_PARTS = 2000  # of a budget, to which costs of others are rounded
_SHRINK = 0.01  # of the budget, while the decoded architecture exceeds it
_COLDEST = 0.01  # temperature
_TRIES = 100  # draws for one that is new and within the constraints


class Aows(Search):
    """An objective that adds up over choices, under a cost that adds up over neighbours.

    After Berman et al., 2020, arXiv 2006.09876. There, rewards are gathered while a slimmable network
    trains; here they are a ridge regression on what was told. The cost is the measure of the first
    constraint, fitted on what is told, or if it is known on random architectures. Asked are
    the best architecture of the model within the budget, and samples: each choice by its
    marginal probability at a temperature that falls from ask to ask, the cost weighed by the smallest multiplier that
    meets the budget. We differ: the best is decoded exactly by default, since by the multiplier it is
    in but four of five random instances. Choices that others depend on are gone through.

    Args:
        initial: random architectures before the first fit.
        decoding: exact or multiplier.
        temperature: of the first samples, in standard deviations of the objective.
        cooling: factor of the temperature from one ask to the next.
        seed: of all draws.

    Raises:
        ValueError: if the problem has more than one objective, a setting is out of its limits, or choices on
            which others depend have too many combinations.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        initial: int = 20,
        decoding: str = "exact",
        temperature: float = 0.5,
        cooling: float = 0.8,
        seed: int = 0,
    ) -> None:
        super().__init__(problem)
        check_ranges(
            "Aows",
            initial=(initial, (1, math.inf)),
            decoding=(decoding, ("exact", "multiplier")),
            temperature=(temperature, (0.0, math.inf)),
            cooling=(cooling, (0.0, 1.0)),
            seed=(seed, (0, math.inf)),
        )
        problem.check_single()
        self._initial = initial
        self._exact = decoding == "exact"
        self._temperature = temperature
        self._cooling = cooling
        self._rng = np.random.default_rng(seed)
        self._region = Region(problem)
        self._branches = branches(problem.space)
        self._known_cost: Additive | None = None

    def propose(self, num: int) -> list[Architecture]:
        if len(self.told) < self._initial:
            num = min(num, self._initial - len(self.told))
            return self._region.draw(num, self._rng, self.asked)
        chains = self._chains()
        best = [one for one in self._decoded(chains) if one not in self.asked][:1]
        found = dict.fromkeys(best)
        found |= dict.fromkeys(self._samples(chains, num - len(found), found))
        self._temperature *= self._cooling
        missing = num - len(found)
        return [*found, *self._region.draw(missing, self._rng, {*self.asked, *found})]

    def _chains(self) -> list[Chain]:
        """For each branch, rewards and costs as the models see them now."""
        losses = np.array([self.problem.losses(one.values)[0] for one in self.told])
        architectures = [one.architecture for one in self.told]
        scaled = -losses / (losses.std() or 1.0)
        rewards = Additive(self.problem.space, architectures, scaled.tolist(), pairs=False)
        costs = self._costs()
        return [_chain(branch, rewards, costs) for branch in self._branches]

    def _costs(self) -> Additive | None:
        """The model of the first constraint's measure; larger is worse."""
        if not self.problem.constraints:
            return None
        name, space = self.problem.constraints[0].name, self.problem.space
        sign = 1 if self.problem.constraints[0].at_most else -1
        if name not in self.problem.known:
            architectures = [one.architecture for one in self.told]
            values = [sign * one.values[name] for one in self.told]
            return Additive(space, architectures, values, pairs=True)
        if self._known_cost is None:
            draws = dict.fromkeys(space.sample_choices(self._rng) for _ in range(_COST_SAMPLES))
            values = [sign * value for value in self.problem.known[name](list(draws))]
            self._known_cost = Additive(space, list(draws), values, pairs=True)
        return self._known_cost

    def _budget(self) -> float:
        if not self.problem.constraints:
            return float("inf")
        constraint = self.problem.constraints[0]
        return constraint.bound if constraint.at_most else -constraint.bound

    def _decoded(self, chains: Sequence[Chain]) -> list[Architecture]:
        """The best of each branch, best first.

        As the model of the cost may be wrong, the budget is lowered until constraints that are known hold.
        """
        found = []
        for branch, chain in zip(self._branches, chains, strict=True):
            budget = self._budget()
            while (path := self._path(chain, budget)) is not None:
                architecture = _architecture(branch, path, self.problem.space)
                if self._region.inside([architecture]):
                    found.append((-chain.reward(path), len(found), architecture))
                    break
                budget = min(budget, chain.cost(path)) - _SHRINK * max(abs(budget), 1e-9)
        return [architecture for _, _, architecture in sorted(found)]

    def _path(self, chain: Chain, budget: float) -> Path | None:
        if not self._exact or budget == float("inf"):
            found = bisected(chain, budget)
            return None if found is None else found[0]
        num_paths = math.prod(len(link) for link in chain.rewards)
        return exact(chain, budget, None if num_paths <= _FEW else abs(budget) / _PARTS or None)

    def _samples(
        self, chains: Sequence[Chain], num: int, found: Container[Architecture]
    ) -> list[Architecture]:
        """New architectures within known constraints, drawn at the present temperature."""
        temperature = max(self._temperature, _COLDEST)
        tables = []
        for branch, chain in zip(self._branches, chains, strict=True):
            best = bisected(chain, self._budget())
            if best is not None:
                path, multiplier = best
                odds = marginals(chain, multiplier, temperature)
                tables.append((chain.reward(path) / temperature, branch, odds))
        drawn: dict[Architecture, None] = {}
        if not tables or num < 1:
            return []
        weights = np.exp(np.array([score for score, _, _ in tables]) - max(t[0] for t in tables))
        for _ in range(_TRIES * num):
            _, branch, odds = tables[_draw(weights / weights.sum(), self._rng)]
            path = tuple(_draw(one, self._rng) for one in odds)
            one = _architecture(branch, path, self.problem.space)
            if one not in self.asked and one not in found and self._region.inside([one]):
                drawn[one] = None
            if len(drawn) == num:
                break
        return list(drawn)


def _chain(branch: Branch, rewards: Additive, costs: Additive | None) -> Chain:
    links = list(branch.items())
    own = [rewards.states(*link) for link in links]
    own[0] = own[0] + rewards.constant
    if costs is None:
        empty = [np.zeros((len(a[1]), len(b[1]))) for a, b in itertools.pairwise(links)]
        return Chain(own, [np.zeros(len(one)) for one in own], empty)
    spent = [costs.states(*link) for link in links]
    spent[0] = spent[0] + costs.constant
    pairs = [costs.neighbours(first, second) for first, second in itertools.pairwise(links)]
    return Chain(own, spent, pairs)


def _architecture(branch: Branch, path: Path, space: SearchSpace) -> Architecture:
    states = zip(branch.items(), path, strict=True)
    return space.architecture({name: values[state] for (name, values), state in states})


def _draw(probabilities: Floats, rng: Any) -> int:
    """A position, as likely as its probability."""
    return min(int(np.searchsorted(np.cumsum(probabilities), unit(rng))), len(probabilities) - 1)
