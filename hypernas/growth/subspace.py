"""One architecture as a search space of its own."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from hypernas.border import checked
from hypernas.slicing import layout_of
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.space.choice import Choice
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.target import generated_shapes


@checked
def subspace(
    space: SearchSpace,
    architecture: Mapping[str, Any] | str,
    build: Callable[[Architecture], nn.Module] | None = None,
) -> SearchSpace:
    """The space whose only architecture is this one; its largest shapes are the architecture's own.

    Args:
        architecture: of the space; a mapping, "largest" or "smallest".
        build: another builder of its module; None for the space's.

    Raises:
        ValueError: if the architecture is not of the space.
    """
    point = space.architecture(architecture)
    build = build or space.build
    module = build(point)
    names = [*generated_shapes(module), *norm_statistics(module)]
    return SearchSpace(
        {
            name: Choice([value], ordered=space.choices[name].ordered)
            for name, value in point.items()
        },
        build,
        {
            pattern: layout
            for pattern, layout in space.layouts.items()
            if any(layout_of(name, {pattern: layout}) for name in names)
        },
        features=space.features,
    )
