"""Chains: decisions in a row, each with a reward, whose costs depend on neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Legend: L links of the chain, S states of a link, T states of the next.
Floats = NDArray[np.floating[Any]]
Path = tuple[int, ...]  # a state for each link


@dataclass(frozen=True)
class Chain:
    """Rewards of states, and costs of states and of neighbouring states; both add up along a path.

    Attributes:
        rewards: for each link, shape (S,).
        costs: for each link, shape (S,).
        pairs: for each link but the last, further costs of its state and the next one's, shape (S, T).
    """

    rewards: Sequence[Floats]
    costs: Sequence[Floats]
    pairs: Sequence[Floats]

    def reward(self, path: Path) -> float:
        """The sum of the rewards of a path."""
        return float(sum(link[s] for link, s in zip(self.rewards, path, strict=True)))

    def cost(self, path: Path) -> float:
        """The sum of the costs of a path."""
        own = sum(link[s] for link, s in zip(self.costs, path, strict=True))
        steps = zip(self.pairs, path[:-1], path[1:], strict=True)
        return float(own + sum(pair[s, t] for pair, s, t in steps))

    def scores(self, multiplier: float) -> tuple[list[Floats], list[Floats]]:
        """Reward less cost times the multiplier, of states (L arrays) and of pairs (L - 1)."""
        states = zip(self.rewards, self.costs, strict=True)
        return [r - multiplier * c for r, c in states], [-multiplier * pair for pair in self.pairs]


def viterbi(chain: Chain, multiplier: float = 0.0) -> Path:
    """The path of the largest reward less cost times the multiplier (Viterbi, 1967)."""
    states, pairs = chain.scores(multiplier)
    total = states[0]
    back: list[NDArray[np.intp]] = []
    for own, pair in zip(states[1:], pairs, strict=True):
        through = total[:, None] + pair  # shape: (S, T)
        back.append(through.argmax(0))
        total = through.max(0) + own
    path = [int(total.argmax())]
    for before in reversed(back):
        path.append(int(before[path[-1]]))
    return tuple(reversed(path))


def marginals(
    chain: Chain, multiplier: float, temperature: float
) -> list[Floats]:  # for each link, shape: (S,), sums to 1
    """The probability of each state, if that of a path is as exp(score / temperature).

    Score as in `viterbi`. By sums and products along the chain, in logarithms (Berman et al., 2020,
    arXiv 2006.09876, section 3.4).
    """
    states, pairs = chain.scores(multiplier)
    states = [one / temperature for one in states]
    pairs = [one / temperature for one in pairs]
    forward, backward = [states[0]], [np.zeros_like(states[-1])]
    for own, pair in zip(states[1:], pairs, strict=True):
        forward.append(own + np.logaddexp.reduce(forward[-1][:, None] + pair, axis=0))
    for own, pair in zip(reversed(states[1:]), reversed(pairs), strict=True):
        backward.append(np.logaddexp.reduce(pair + (own + backward[-1])[None], axis=1))
    logs = [f + b for f, b in zip(forward, reversed(backward), strict=True)]
    return [np.exp(one - np.logaddexp.reduce(one)) for one in logs]
