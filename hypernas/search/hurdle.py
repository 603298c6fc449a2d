"""A hurdle: what a subnet has to surpass to be worth reading on for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

Losses = tuple[float, ...]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Hurdle:
    """Costs of an architecture that is to be judged, and the front that it competes with.

    Plain numbers, as they go to other processes.

    Attributes:
        objectives: name, and whether it is to be high.
        constraints: name, bound, and whether it is an upper one.
        costs: of the architecture, by name.
        front: losses of what competes with it.
    """

    objectives: tuple[tuple[str, bool], ...]
    constraints: tuple[tuple[str, float, bool], ...]
    costs: Mapping[str, float]
    front: tuple[Losses, ...]

    def out_of_reach(self, intervals: Mapping[str, Interval]) -> bool:
        """True if even the best end of each interval does not meet the constraints, or does not enter the front.

        While nothing competes, nothing is out of reach.

        Args:
            intervals: within which measures are that are no costs; others may be anything.
        """
        if not self.front:
            return False
        names = {part[0] for part in (*self.objectives, *self.constraints)}
        ends: dict[str, Interval] = dict.fromkeys(names, (-math.inf, math.inf))  # of the unknown
        ends |= intervals
        ends |= {name: (cost, cost) for name, cost in self.costs.items()}
        if any(
            ends[name][0] > bound if at_most else ends[name][1] < bound
            for name, bound, at_most in self.constraints
        ):
            return True
        best = [-ends[name][1] if high else ends[name][0] for name, high in self.objectives]
        return any(
            all(a <= b for a, b in zip(point, best, strict=True)) and list(point) != best
            for point in self.front
        )
