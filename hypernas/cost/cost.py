"""A cost: architecture -> number."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from hypernas.space.architecture import Architecture


class Cost(ABC):
    """Number that an architecture costs, such as its parameters or its latency; lower is better.

    Attributes:
        name: by which objectives and constraints refer to it.
        unit: "bytes", "ms", ...; "" for a plain count.
    """

    name: str
    unit: str

    @abstractmethod
    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        """The cost of each architecture, in their order.

        Many are given at once, as some costs compare: latencies are measured in turns.
        """
