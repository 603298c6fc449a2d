"""All architectures that choices make, and how many they are."""

import math
from collections.abc import Iterator, Mapping, Sequence

from hypernas.space.architecture import Architecture, Value
from hypernas.space.choice import Choice

Choices = Mapping[str, Choice]  # a choice depends only on choices that stand before it


def every(choices: Choices) -> Iterator[Architecture]:
    """Every architecture once, in the order of the choices and their values."""
    names = list(choices)

    def extend(position: int, values: dict[str, Value]) -> Iterator[Architecture]:
        if position == len(names):
            yield Architecture(values)
            return
        name, choice = names[position], choices[names[position]]
        if not choice.active(values):
            yield from extend(position + 1, values)
            return
        for value in choice.values:
            yield from extend(position + 1, {**values, name: value})

    return extend(0, {})


def count(choices: Choices) -> int:
    """The exact number of architectures, of which only those that others depend on are gone through."""
    return math.prod(_count(choices, part) for part in _independent_parts(choices))


def _independent_parts(choices: Choices) -> list[list[str]]:
    """The choices, split into groups that do not depend on each other."""
    part = {name: [name] for name in choices}
    for name, choice in choices.items():
        for parent in choice.when:
            if part[parent] is not part[name]:
                part[parent].extend(part[name])
                for member in part[name]:
                    part[member] = part[parent]
    order = {name: i for i, name in enumerate(choices)}
    distinct = {id(members): members for members in part.values()}
    return [sorted(members, key=order.__getitem__) for members in distinct.values()]


def _count(choices: Choices, names: Sequence[str]) -> int:
    """Architectures of one part: enumerate what others depend on, multiply the rest."""
    decisive = {parent for name in names for parent in choices[name].when}

    def after(position: int, values: dict[str, Value]) -> int:
        total = 1
        for i in range(position, len(names)):
            choice = choices[names[i]]
            if not choice.active(values):
                continue
            if names[i] in decisive:
                return total * sum(after(i + 1, {**values, names[i]: v}) for v in choice.values)
            total *= len(choice.values)
        return total

    return after(0, {})
