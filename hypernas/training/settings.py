"""Limits of numbers and words that are set."""

import math
from collections.abc import Mapping
from numbers import Integral, Real

Range = tuple[float, float]  # least and most; whole, without an end: of a count
Limits = Range | tuple[str, ...]  # or the words there are


def misfits(settings: Mapping[str, object], limits: Mapping[str, Limits]) -> list[str]:
    """A line for each setting that is out of its range, not of its kind, or no word there is."""
    wrong = []
    for name, allowed in limits.items():
        value, (low, *_, high) = settings[name], allowed
        if isinstance(low, str) or isinstance(high, str):
            expected, fits = f"one of {allowed}", value in allowed
        else:
            count = isinstance(low, int) and high == math.inf
            kind = Integral if count else Real
            fits = (
                isinstance(value, kind)
                and not isinstance(value, bool)
                and low <= float(value) <= high
            )
            expected = f"{low} or more" if high == math.inf else f"{low} to {high}"
            if count and isinstance(value, float):
                expected += ", whole"
        if not fits:
            wrong.append(f"{name}: expected {expected}, got {value!r}")
    return wrong


def check_ranges(owner: str, **settings: tuple[object, Limits]) -> None:
    """Refuse settings that are out of their limits.

    Raises:
        ValueError: naming all of them.
    """
    values = {name: value for name, (value, _) in settings.items()}
    wrong = misfits(values, {name: limits for name, (_, limits) in settings.items()})
    if wrong:
        raise ValueError(f"{owner} cannot be set up:\n  " + "\n  ".join(wrong))
