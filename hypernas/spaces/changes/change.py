"""A space that is made of another."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from hypernas.space import Choice, SearchSpace
from hypernas.space.architecture import Architecture


def changed(
    space: SearchSpace,
    build: Callable[[Architecture], nn.Module],
    choices: Mapping[str, Choice | Sequence[Any]] | None = None,
) -> SearchSpace:
    """A space with another builder, and other choices if they are given; layouts and inputs stay.

    Features of its own stay with the choices.
    """
    return SearchSpace(
        space.choices if choices is None else choices,
        build,
        layouts="auto" if space.auto_layouts else space.layouts,
        inputs=space.inputs,
        features=space.features if choices is None else None,
    )
