"""Limits of numbers and words that are set."""

import math
from collections.abc import Mapping

Range = tuple[float, float]  # least and most


def misfits(settings: Mapping[str, object], ranges: Mapping[str, Range]) -> list[str]:
    """A line for each setting that is no number, or out of its range."""
    wrong = []
    for name, (low, high) in ranges.items():
        value = settings[name]
        if isinstance(value, bool) or not (isinstance(value, int | float) and low <= value <= high):
            expected = f"{low} or more" if high == math.inf else f"{low} to {high}"
            wrong.append(f"{name}: expected {expected}, got {value!r}")
    return wrong


def check_ranges(owner: str, **settings: tuple[object, Range]) -> None:
    """Refuse settings that are out of their range.

    Raises:
        ValueError: naming all of them.
    """
    values = {name: value for name, (value, _) in settings.items()}
    wrong = misfits(values, {name: limits for name, (_, limits) in settings.items()})
    if wrong:
        raise ValueError(f"{owner} cannot be set up:\n  " + "\n  ".join(wrong))
