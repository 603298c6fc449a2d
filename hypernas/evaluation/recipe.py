"""Recipes of stand-alone training."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from hypernas.objectives import Objective
from hypernas.schedules import Cosine
from hypernas.training import Training
from hypernas.training.optimizer import OptimizerMaker


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Recipe by which a subnet is trained alone.

    Args:
        optimizer: as in `Strategy`, a `functools.partial`, so that its settings can be read.
        schedule: of the learning rate.
        calibration_batches: see `evaluate`.
    """

    training: Training
    objective: Objective
    optimizer: OptimizerMaker
    schedule: Callable[[int, int], float] = field(default_factory=Cosine)
    calibration_batches: int = 8

    def to_json(self) -> str:
        """JSON of all that decides the outcome; reporting and the reading of data do not."""
        unimportant = ("log_every", "num_workers")
        training = dataclasses.asdict(self.training)
        make = self.optimizer
        return json.dumps(
            {
                "training": {k: v for k, v in training.items() if k not in unimportant},
                "objective": [type(self.objective).__qualname__, _plain(vars(self.objective))],
                "optimizer": [
                    getattr(getattr(make, "func", make), "__qualname__", repr(make)),
                    _plain(getattr(make, "keywords", {})),
                ],
                "schedule": _plain(self.schedule),
                "calibration_batches": self.calibration_batches,
            },
            sort_keys=True,
        )


def _plain(value: Any) -> Any:
    """JSON of settings: of objects, their own."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, nn.Module) or not hasattr(value, "__dict__"):
        return repr(value)
    return [type(value).__qualname__, _plain(vars(value))]
