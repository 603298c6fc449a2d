"""The learning rate over a run."""

from abc import ABC, abstractmethod


class Schedule(ABC):
    """A pure function of the step, so that a resumed run goes on as one that never stopped.

    Any function `(step, steps) -> factor` can stand in for one.
    """

    @abstractmethod
    def __call__(self, step: int, steps: int) -> float:
        """The learning rate of step 1, 2, ..., `steps`, in units of its peak."""


def check_shares(owner: Schedule, **shares: float) -> None:
    """Refuse numbers that are no shares.

    Raises:
        ValueError: naming all of them.
    """
    wrong = [
        f"{name}: expected a number from 0 to 1, got {value!r}"
        for name, value in shares.items()
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1
    ]
    if wrong:
        raise ValueError(f"{type(owner).__name__} cannot be set up:\n  " + "\n  ".join(wrong))
