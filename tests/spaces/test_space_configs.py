"""A configuration of a ready-made space makes the default space."""

from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from hypernas import spaces

CONFIGS = Path(__file__).parents[2] / "configs" / "space"
SHAPES = {"conv1d": (1, 16), "ensem1d": (4, 16), "seq2seq": (12,), "transformer_lm": (12,)}
NAMES = sorted({path.stem for path in CONFIGS.glob("*.yaml")} - {"own"})


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_builds_the_default_space(name):
    shape = SHAPES.get(name, (3, 16, 16))
    make = instantiate(OmegaConf.load(CONFIGS / f"{name}.yaml"))
    space = make(input_shape=shape, num_classes=5)
    default = getattr(spaces, name)(input_shape=shape, num_classes=5)
    assert space.to_json() == default.to_json()
    space.build(space.largest())
