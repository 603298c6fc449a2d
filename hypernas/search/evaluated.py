"""An architecture with what was measured of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hypernas.space import Architecture


@dataclass(frozen=True)
class Evaluated:
    """An architecture with what was measured of it.

    Args:
        values: by the name of the measure.
        intervals: ends of an interval of some of the values.
        examples: of the validation split that were read, where judging was stopped early, as it could not be
            among the best; None for a full judgement.
    """

    architecture: Architecture
    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    examples: int | None = None
