"""Outcomes: loads of links and times of a collective's steps under a scheme."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hypernas.planning.fabric import LeafSpine
from hypernas.planning.scheme import Cut, Scheme

# Legend: N ranks, L leaves, S spines, D draws.


@dataclass(frozen=True)
class Loads:
    """Bytes on each link.

    Attributes:
        sent, received: between hosts and their leaves, shape (N,).
        up: from leaves to spines, shape (D, L, S).
        down: from spines to leaves, shape (D, L, S).
    """

    sent: np.ndarray
    received: np.ndarray
    up: np.ndarray
    down: np.ndarray

    def seconds(self, fabric: LeafSpine) -> float:
        """The time of the heaviest link at its full rate, the mean over draws."""
        hosts = max(self.sent.max(), self.received.max()) / fabric.host_rate
        spines = np.maximum(self.up, self.down).max((1, 2)) / fabric.spine_rate
        return float(np.maximum(hosts, spines).mean())

    def heaviest(self, fabric: LeafSpine) -> str:
        """The kind of link that takes longest, in the mean over draws."""
        times = {
            "host to leaf": self.sent.max() / fabric.host_rate,
            "leaf to host": self.received.max() / fabric.host_rate,
            "leaf to spine": self.up.max((1, 2)).mean() / fabric.spine_rate,
            "spine to leaf": self.down.max((1, 2)).mean() / fabric.spine_rate,
        }
        return max(times, key=lambda kind: times[kind])

    def links(self, fabric: LeafSpine) -> Iterator[tuple[str, float]]:
        """The name of each link and its bytes, the mean over draws."""
        for name, loads in (("host {} up", self.sent), ("host {} down", self.received)):
            for i, load in enumerate(loads):
                yield name.format(i), float(load)
        for name, loads in (("leaf {} to spine {}", self.up), ("spine {1} to leaf {0}", self.down)):
            mean = loads.mean(0)
            for leaf in range(fabric.leaves):
                for spine in range(fabric.spines):
                    yield name.format(leaf, spine), float(mean[leaf, spine])

    def times(self, num: int) -> "Loads":
        """The same, so many times."""
        return Loads(self.sent * num, self.received * num, self.up * num, self.down * num)

    def __add__(self, other: "Loads") -> "Loads":
        """The bytes of both; draws are paired."""
        return Loads(
            self.sent + other.sent,
            self.received + other.received,
            self.up + other.up,
            self.down + other.down,
        )


@dataclass(frozen=True)
class StepOutcome:
    """A step under a scheme.

    Attributes:
        loads: of the step taken once.
        times: it is taken.
        seconds: of the step taken once.
        heaviest: the kind of link that it waits for.
        cuts: of flows between leaves.
        num_flows: between leaves.
        num_pieces: of these.
    """

    loads: Loads
    times: int
    seconds: float
    heaviest: str
    cuts: list[Cut]
    num_flows: int
    num_pieces: int


@dataclass(frozen=True)
class Outcome:
    """A collective under a scheme.

    Attributes:
        scheme: over which spines flows went.
        steps: of the collective.
    """

    scheme: Scheme
    steps: Sequence[StepOutcome]

    @property
    def name(self) -> str:
        """That of the scheme."""
        return self.scheme.name

    @property
    def seconds(self) -> float:
        """The bound of all steps, one after the other."""
        return sum(step.seconds * step.times for step in self.steps)

    @property
    def loads(self) -> Loads:
        """Bytes on each link, over all steps."""
        first, *rest = (step.loads.times(step.times) for step in self.steps)
        return sum(rest, start=first)

    @property
    def num_flows(self) -> int:
        """Flows between leaves, over all steps."""
        return sum(step.num_flows * step.times for step in self.steps)

    @property
    def num_pieces(self) -> int:
        """Pieces of flows between leaves, over all steps."""
        return sum(step.num_pieces * step.times for step in self.steps)

    @property
    def num_split(self) -> int:
        """Flows that are split, over all steps."""
        return sum(cut.num_split * step.times for step in self.steps for cut in step.cuts)

    @property
    def heaviest(self) -> str:
        """The kind of link that the collective waits for longest."""
        return max(self.steps, key=lambda step: step.seconds * step.times).heaviest
