"""A configuration of a ready-made space is a call with every option at its default."""

import inspect
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from hypernas import spaces

CONFIGS = Path(__file__).parents[2] / "configs" / "space"
NAMES = ["mobilenet", "resnet", "seq2seq", "transformer_lm", "vit"]


def _plain(value):
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_holds_every_option_at_its_default(name):
    parameters = inspect.signature(getattr(spaces, name)).parameters.values()
    defaults = {p.name: _plain(p.default) for p in parameters if p.default is not p.empty}
    config = OmegaConf.to_container(OmegaConf.load(CONFIGS / f"{name}.yaml"))
    options = {key: value for key, value in config.items() if not key.startswith("_")}
    assert list(options.items()) == list(defaults.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_builds_the_default_space(name):
    shape = (12,) if name in ("seq2seq", "transformer_lm") else (3, 16, 16)
    make = instantiate(OmegaConf.load(CONFIGS / f"{name}.yaml"))
    space = make(input_shape=shape, num_classes=5)
    default = getattr(spaces, name)(input_shape=shape, num_classes=5)
    assert space.to_json() == default.to_json()
    space.build(space.largest())
