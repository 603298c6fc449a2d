"""One decision of a search space."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypernas.space.architecture import freeze


@dataclass(frozen=True)
class Choice:
    """One decision of a search space: the values it can take, and when it is there to be taken.

    Args:
        values: the allowed values, distinct. Numbers are sorted ascending.
        ordered: True for an ordinal choice (the first value is the smallest, the last the
            largest), False for a categorical one. By default numbers are ordinal, all else
            categorical. Subnets of smaller ordinal values must fit inside the largest.
        when: the choices this one depends on, each with the values under which it is active:
            `Choice([3, 5], when={"depth": [2, 3]})` exists only at depth 2 or 3. All must hold.

    Raises:
        ValueError: if there is no value, or one stands twice.
        TypeError: if a value cannot be hashed or written as JSON.
    """

    values: Sequence[Any]
    ordered: bool | None = None
    when: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.values, str) or not isinstance(self.values, Sequence | range):
            raise TypeError(f"the values of a choice must be a sequence, got {self.values!r}.")
        if not isinstance(self.when, Mapping):
            raise TypeError(
                f"when must map other choices to their values, as {{'depth': [2, 3]}}, got {self.when!r}."
            )
        values = tuple(freeze(value) for value in self.values)
        if not values or len(set(values)) != len(values):
            raise ValueError(f"a choice needs one or more distinct values, got {list(values)}.")
        numbers = _numbers(values)
        numeric = len(numbers) == len(values)
        when = {
            name: tuple(freeze(v) for v in (listed(allowed))) for name, allowed in self.when.items()
        }
        object.__setattr__(self, "values", tuple(sorted(numbers)) if numeric else values)
        object.__setattr__(self, "ordered", numeric if self.ordered is None else self.ordered)
        object.__setattr__(self, "when", when)

    @functools.cached_property
    def numeric(self) -> bool:
        """True if every value is a number, so that distances between values mean something."""
        return len(_numbers(self.values)) == len(self.values)

    def active(self, values: Mapping[str, Any]) -> bool:
        """True if the choice is there, given the values of the active choices before it."""
        return all(
            name in values and values[name] in allowed for name, allowed in self.when.items()
        )


def check_conditions(choices: Mapping[str, Choice]) -> None:
    """Check that each choice depends only on values of choices before it.

    Raises:
        ValueError: naming every choice that does not.
    """
    problems = []
    before: dict[str, Choice] = {}
    for name, choice in choices.items():
        for parent, allowed in choice.when.items():
            if parent not in before:
                problems.append(f"{name}: depends on {parent!r}, which does not stand before it")
            elif stray := [v for v in allowed if v not in before[parent].values]:
                problems.append(
                    f"{name}: is active when {parent} is one of {stray}, "
                    f"but {parent} is one of {list(before[parent].values)}"
                )
        before[name] = choice
    if problems:
        raise ValueError("the choices do not form a search space:\n  " + "\n  ".join(problems))


def _numbers(values: Sequence[Any]) -> list[int | float]:
    return [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]


def listed(values: Any) -> Sequence[Any]:
    """`values` as a sequence: a lone scalar counts as one value."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        return (values,) if freeze(values) is values else values
    return values
