"""A space whose one architecture has gates."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import nn

from hypernas.border import checked
from hypernas.masks.consensus.gated import GatedNetwork, LevelName
from hypernas.space import Choice, SearchSpace


@checked
def gated(
    space: SearchSpace,
    *,
    modules: Sequence[str] | str,
    level: LevelName = "channel",
    architecture: Mapping[str, Any] | str = "largest",
    num_experts: int = 4,
    hidden_dim: int = 16,
    bias: float = 2.0,
    axis: int = 1,
    examples: int = 1,
) -> SearchSpace:
    """One architecture of a space, with gates: the objective `Consensus` trains it to a smaller network.

    Args:
        architecture: choices, "largest" or "smallest".
        modules, level, num_experts, hidden_dim, bias, axis, examples: see `GatedNetwork`.

    Raises:
        ValueError: if there is no such architecture, or see `GatedNetwork`.
    """
    own = space.architecture(architecture)
    choices = {
        name: Choice([value], ordered=space.choices[name].ordered) for name, value in own.items()
    }
    options = {
        "modules": modules,
        "level": level,
        "num_experts": num_experts,
        "hidden_dim": hidden_dim,
        "bias": bias,
        "axis": axis,
        "examples": examples,
    }
    layouts = {f"network.{name}": layout for name, layout in space.layouts.items()}
    build = partial(_built, space, options)
    build(own)  # refuses patterns and layers now
    return SearchSpace(
        choices, build, layouts="auto" if space.auto_layouts else layouts, inputs=space.inputs
    )


def _built(
    space: SearchSpace, options: Mapping[str, Any], architecture: Mapping[str, Any]
) -> nn.Module:
    return GatedNetwork(space.build(architecture), **options)
