"""hypernas study."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from hydra import compose
from omegaconf import DictConfig

from hypernas.cli.plain import plain, trusted
from hypernas.runs.overrides import called
from hypernas.runs.settings import flat
from hypernas.runs.trust import check_trusted
from hypernas.studies import Composer, study
from hypernas.studies.composer import Layer


class Overrides(Composer):
    """Layers that are overrides of `hypernas train`, as studies' files have them."""

    alone = ("generator=standalone", "sampling=fixed")

    def __init__(self, trust: Sequence[str] = ()) -> None:
        self.trust, self.given = trust, called(sys.argv)

    def __call__(self, layers: Sequence[Layer]) -> dict[str, Any]:
        overrides: list[str] = []
        for layer in layers:
            if isinstance(layer, Mapping):
                overrides += [f"{key}={value}" for key, value in flat(layer).items()]
            else:
                overrides.append(layer)
        found = plain(compose("train", overrides=overrides))
        check_trusted(found, self.trust, source="the study's file", given=self.given)
        return found


def study_command(config: DictConfig) -> None:
    """Run what is missing of the study of a configuration."""
    study(plain(config), Overrides(trusted(config)))
