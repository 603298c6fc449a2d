"""A config file is one constructor call with every option at its default."""

import inspect
from functools import partial
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from hypernas import generators

FOLDER = Path(__file__).parents[2] / "configs" / "generator"
NAMES = ["acdc", "by_name", "few_shot", "mos_layer", "mos_neuron", "soft_sharing", "ssn"]
OTHERWISE = {"by_name": {"parts": {}, "rest": generators.shared}}  # not the default


def plain(value):
    return value.func if isinstance(value, partial) else value


@pytest.mark.parametrize("name", NAMES)
def test_a_config_names_every_option_with_its_default(name):
    made = instantiate(OmegaConf.load(FOLDER / f"{name}.yaml"))
    factory = getattr(generators, name)
    assert made.func is factory
    options = list(inspect.signature(factory).parameters.values())[1:]
    defaults = {option.name: option.default for option in options} | OTHERWISE.get(name, {})
    assert {option: plain(value) for option, value in made.keywords.items()} == defaults
