"""The accuracy matrix of a stream, and what is read of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

Scores = dict[tuple[int, int], float]  # tasks learned, task (both from 1) -> its score then


@dataclass
class Matrix:
    """R[t, i], the score on task i once t tasks are learned, more being better.

    It holds R[0, i] of every task, that of the network before anything is learned; R[i - 1, i], with what a new task begins;
    and R[t, i] of all that were learned, i ≤ t (Lopez-Paz and Ranzato, 2017, arXiv 1706.08840, section 2).
    """

    scores: Scores = field(default_factory=dict)

    def add(self, after: int, scores: Mapping[int, float]) -> None:
        """Take in the scores of some tasks once `after` tasks were learned."""
        self.scores |= {(after, task): score for task, score in scores.items()}

    @property
    def num(self) -> int:
        """T, how many tasks were learned."""
        return max((after for after, task in self.scores if task <= after), default=0)

    def final(self) -> float:
        """The mean score of all tasks learned, at the end."""
        return _mean([self.scores[self.num, i] for i in range(1, self.num + 1)])

    def learned(self) -> float:
        """The mean score of each task as it was just learned."""
        return _mean([self.scores[i, i] for i in range(1, self.num + 1)])

    def forgetting(self) -> float:
        """The mean of what tasks have lost of their best score (Chaudhry et al., 2018, arXiv 1801.10112); nan of one task."""
        own = range(1, self.num)
        best = [max(self.scores[t, i] for t in range(i, self.num)) for i in own]
        return _mean([b - self.scores[self.num, i] for b, i in zip(best, own, strict=True)])

    def forward_transfer(self) -> float:
        """The mean of R[i - 1, i] - R[0, i] over all tasks but the first: what a task begins with, beyond chance."""
        own = range(2, self.num + 1)
        return _mean([self.scores[i - 1, i] - self.scores[0, i] for i in own])

    def figures(self) -> dict[str, float]:
        """All of these by name, those that are numbers."""
        found = {
            "final": self.final(),
            "learned": self.learned(),
            "forgetting": self.forgetting(),
            "forward_transfer": self.forward_transfer(),
        }
        return {name: value for name, value in found.items() if not math.isnan(value)}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan
