"""Trials of a learning rate that count at a budget."""

from collections.abc import Collection


def tuned_at(budget: float, tuned: Collection[float]) -> float:
    """The budget whose tuned learning rate an arm takes at another budget.

    Of those at which it was tuned, the largest that is not beyond it; where all are, the smallest.

    Args:
        budget: what is to be trained for.
        tuned: where rates were tried; at least one.
    """
    return max((b for b in tuned if b <= budget), default=min(tuned))
