"""The error of constraints that nothing meets."""

from collections.abc import Sequence

from hypernas.search.evaluated import Evaluated
from hypernas.search.problem import Constraint


class Infeasible(ValueError):
    """Nothing that was looked at meets all constraints.

    Args:
        constraints: those that were to hold.
        looked_at: with values of their measures; at least one.
    """

    def __init__(self, constraints: Sequence[Constraint], looked_at: Sequence[Evaluated]) -> None:
        lines = []
        for constraint in constraints:
            sign = 1 if constraint.at_most else -1
            values = [sign * one.values[constraint.name] for one in looked_at]
            nearest = looked_at[values.index(min(values))]
            reached = nearest.values[constraint.name]
            word = "smallest" if constraint.at_most else "largest"
            lines.append(
                f"{constraint}: the {word} value is {reached:g}, of {nearest.architecture}"
            )
        super().__init__(
            f"none of {len(looked_at)} architectures that were looked at meets all constraints:\n  "
            + "\n  ".join(lines)
            + "\nGive bounds that can be met together, or evaluate more architectures."
        )
