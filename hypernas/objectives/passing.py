"""Objectives whose teacher is a subnet, run beside those that are trained."""

from abc import ABC, abstractmethod


class Passing(ABC):
    """A second interface of objectives: forward passes of the largest subnet that no step trains.

    By it a budget counts what a frozen teacher costs. A teacher that is no subnet (`Taught` alone) is not counted, as its
    outputs may be kept.
    """

    @abstractmethod
    def passes(self, step: int, steps: int) -> int:
        """Forward passes of the largest subnet over the batch of a step, from 1, of a training of so many."""
