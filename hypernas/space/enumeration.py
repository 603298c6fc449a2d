"""All architectures that choices make."""

from collections.abc import Iterator, Mapping

from hypernas.space.architecture import Architecture, Value
from hypernas.space.choice import Choice


def every(choices: Mapping[str, Choice]) -> Iterator[Architecture]:
    """Every architecture once, in the order of the choices and their values.

    Args:
        choices: each depends only on some that stand before it.
    """
    names = list(choices)
    ahead: list[tuple[int, dict[str, Value]]] = [
        (0, {})
    ]  # the next choice, and the values before it
    while ahead:
        position, values = ahead.pop()
        while position < len(names) and not choices[names[position]].active(values):
            position += 1
        if position == len(names):
            yield Architecture(values)
            continue
        name = names[position]
        ahead.extend(
            (position + 1, {**values, name: value}) for value in reversed(choices[name].values)
        )
