"""A verdict on a subnet: its measures over the validation examples that were read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hypernas.objectives import Moments


@dataclass(frozen=True)
class Verdict(Mapping[str, Moments]):
    """Measure of the objective -> its sums over predictions.

    Args:
        examples: that were read, where judging was stopped before the last; None for all of them.
    """

    moments: Mapping[str, Moments]
    examples: int | None = None

    def __getitem__(self, name: str) -> Moments:
        return self.moments[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.moments)

    def __len__(self) -> int:
        return len(self.moments)
