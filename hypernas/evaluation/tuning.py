"""Which trials of a learning rate count."""

from collections.abc import Collection


def tuned_at(budget: float, tuned: Collection[float]) -> float:
    """Of the budgets at which an arm was tuned, the one whose learning rate it takes for another.

    That is the largest that is not beyond it; where all are, the smallest.

    Args:
        budget: what is to be trained for.
        tuned: where rates were tried; at least one.
    """
    return max((b for b in tuned if b <= budget), default=min(tuned))
