"""Paths of a chain within a budget: by a multiplier, and exactly."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypernas.search.chain import Chain, Floats, Path, viterbi

_DOUBLINGS = 60  # of a multiplier, before its limit is taken


def cheapest(chain: Chain) -> Path:
    """The path of the least cost."""
    return viterbi(Chain([0 * one for one in chain.rewards], chain.costs, chain.pairs), 1.0)


def bisected(
    chain: Chain, budget: float, num: int = 30
) -> tuple[Path, float] | None:  # path, multiplier
    """A path within the budget, by the smallest multiplier of costs whose best path is.

    Always within the budget, and the best of its cost; but where rewards and costs leave a duality
    gap, a better path of a cost between may be missed, as happens in one of five random chains
    (`exact` finds it). None if nothing is within the budget.

    Args:
        num: halvings of the interval of multipliers (Berman et al., 2020, take 12).
    """
    path = viterbi(chain, 0.0)
    if chain.cost(path) <= budget:
        return path, 0.0
    found = cheapest(chain)
    if chain.cost(found) > budget:
        return None
    low, high = 0.0, 1.0
    for _ in range(_DOUBLINGS):
        path = viterbi(chain, high)
        if chain.cost(path) <= budget:
            break
        low, high = high, 2 * high
    else:
        return found, high
    found = path
    for _ in range(num):
        middle = (low + high) / 2
        path = viterbi(chain, middle)
        if chain.cost(path) <= budget:
            found, high = path, middle
        else:
            low = middle
    return found, high


def exact(chain: Chain, budget: float, resolution: float | None = None) -> Path | None:
    """The path of the largest reward within the budget; None if there is none.

    Dynamic programme over links and states that keeps, of each state, the partial paths which no other
    beats in both cost and reward, and which can still end within the budget. These may be as many
    as paths where costs are real numbers, and are at most budget / resolution where they are rounded.

    Args:
        resolution: costs are rounded up to multiples of it, so that the path stays within the
            budget and misses at most what a budget smaller by one multiple for each term allows; None
            for costs as they are.
    """
    if resolution is not None:
        chain = _rounded(chain, resolution)
        budget = float(np.floor(budget / resolution + 1e-9))
    budget += 1e-12 * abs(budget)  # sums in another order differ in their last digits
    ahead = _least_ahead(chain)
    labels = [
        _pruned(np.array([c]), np.array([r]), budget - a)
        for c, r, a in zip(chain.costs[0], chain.rewards[0], ahead[0], strict=True)
    ]
    steps: list[list[_Labels]] = [labels]
    for link in range(1, len(chain.rewards)):
        sizes = [len(one.costs) for one in steps[-1]]
        costs = np.concatenate([one.costs for one in steps[-1]])
        rewards = np.concatenate([one.rewards for one in steps[-1]])
        states = np.repeat(np.arange(len(sizes)), sizes)
        pair = chain.pairs[link - 1]
        steps.append(
            [
                _pruned(
                    costs + pair[states, t] + chain.costs[link][t],
                    rewards + chain.rewards[link][t],
                    budget - ahead[link][t],
                )
                for t in range(len(chain.rewards[link]))
            ]
        )
    return _traced(steps)


class _Labels:
    """Partial paths that end in one state, by cost, each with its place among those before it."""

    def __init__(self, costs: Floats, rewards: Floats, before: NDArray[np.intp]) -> None:
        self.costs, self.rewards, self.before = costs, rewards, before


def _pruned(costs: Floats, rewards: Floats, budget: float) -> _Labels:
    order = np.lexsort((-rewards, costs))
    order = order[costs[order] <= budget]
    best = np.maximum.accumulate(np.concatenate([[-np.inf], rewards[order]]))
    order = order[rewards[order] > best[:-1]]
    return _Labels(costs[order], rewards[order], order)


def _traced(steps: list[list[_Labels]]) -> Path | None:
    ends = [one.rewards[-1] if len(one.rewards) else -np.inf for one in steps[-1]]
    if max(ends) == -np.inf:
        return None
    state = int(np.argmax(ends))
    place = len(steps[-1][state].rewards) - 1
    path = [state]
    for link in range(len(steps) - 1, 0, -1):
        place = int(steps[link][state].before[place])
        state = 0
        while place >= len(steps[link - 1][state].costs):
            place -= len(steps[link - 1][state].costs)
            state += 1
        path.append(state)
    return tuple(reversed(path))


def _least_ahead(chain: Chain) -> list[Floats]:
    """For each link, by its state, the least cost of all links after it."""
    found: list[Floats] = [np.zeros(len(chain.rewards[-1]))]
    for costs, pair in zip(reversed(chain.costs[1:]), reversed(chain.pairs), strict=True):
        found.append((pair + (costs + found[-1])[None]).min(1))
    return found[::-1]


def _rounded(chain: Chain, resolution: float) -> Chain:
    def up(costs: Any) -> Floats:
        return np.ceil(np.asarray(costs) / resolution - 1e-9)

    return Chain(chain.rewards, [up(c) for c in chain.costs], [up(p) for p in chain.pairs])
