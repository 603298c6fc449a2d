"""Whole settings of a training, composed of the layers in which a study tells them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from hypernas.runs.settings import Settings, merged, resolved

Layer = str | Settings  # an override of a command line, or nested values


class Composer(ABC):
    """Layers, of which later ones win, -> whole settings of `hypernas.train`.

    Attributes:
        alone: the layers that make a training one of a single subnet by itself.
    """

    alone: Sequence[Layer]

    @abstractmethod
    def __call__(self, layers: Sequence[Layer]) -> dict[str, Any]:
        """Compose plain values, without references."""


class Nested(Composer):
    """Layers that are nested values: see `hypernas.runs.settings.merged`.

    Args:
        base: the first layer of all: data, space, generator, sampling, objective, optimizer,
            schedule, training and callbacks, as `hypernas train --cfg job` prints them.
    """

    alone = (
        {
            "generator": {
                "_target_": "hypernas.generators.Standalone",
                "_partial_": True,
                "seed": "${seed}",
            },
            "sampling": {"_target_": "hypernas.sampling.Fixed"},
        },
    )

    def __init__(self, base: Settings) -> None:
        self.base = dict(base)

    def __call__(self, layers: Sequence[Layer]) -> dict[str, Any]:
        nested = [layer for layer in layers if isinstance(layer, Mapping)]
        if len(nested) < len(layers):
            text = [layer for layer in layers if isinstance(layer, str)]
            raise ValueError(
                f"{text} are overrides of a command line, which only the command line composes: give "
                f"nested values instead, such as {{'optimizer': {{'lr': 0.01}}}}."
            )
        return resolved(merged([self.base, *nested]))
