"""Each file of configs/ is one constructor call, complete and up to date."""

import inspect
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import get_object, instantiate
from omegaconf import OmegaConf

from hypernas.generators import Generator
from hypernas.runs.config_files import configs
from hypernas.spaces import mlp

GROUPS = [
    *("data", "space", "generator", "growth", "sampling", "objective", "condition", "optimizer"),
    *("schedule", "training", "cost", "fabric", "collective", "tasks", "method"),
]
COMMANDS = {
    "growth": "grow",
    "fabric": "plan",
    "collective": "plan",
    "tasks": "continual",
    "method": "continual",
}
FILES = [
    (group, path.stem)
    for group in GROUPS
    for path in sorted((configs() / group).glob("*.yaml"))
    if path.stem not in ("own", "none")
]
META = {"_target_", "_partial_", "_convert_"}


def composed(*overrides: str, command: str = "train"):
    with initialize_config_dir(str(configs()), version_base="1.3"):
        return compose(command, overrides=list(overrides))


@pytest.mark.parametrize(("group", "name"), FILES)
def test_a_config_gives_every_argument_its_default(group, name):
    command = COMMANDS.get(group, "train")
    added = "+" if group == "cost" else ""  # which training has none of
    config = composed(f"{added}{group}={name}", command=command)[group]
    target = get_object(config._target_)
    given = {key: value for key, value in OmegaConf.to_container(config).items() if key not in META}
    parameters = inspect.signature(target).parameters
    if config._target_.startswith("torch."):  # a few of many
        assert set(given) <= set(parameters)
        return
    left_to_the_caller = {"space", "input_shape", "num_classes", "start", "example"}
    left_to_the_caller |= {"num_ranks", "num_bytes"}
    left_to_the_caller |= {"tasks": {"data"}, "method": {"generator", "num_tasks"}}.get(
        group, set()
    )
    assert set(given) == set(parameters) - left_to_the_caller
    for key, value in given.items():
        default = parameters[key].default
        if default is inspect.Parameter.empty:
            continue
        if isinstance(value, dict):  # a generator within
            assert callable(default) or not default
        elif key not in ("seed", "steps", "batch_size", "cache"):
            assert listed(value) == listed(default), key


@pytest.mark.parametrize(
    ("group", "name"),
    [
        (group, path.stem)
        for group in ("callbacks", "changes")
        for path in sorted((configs() / group).glob("*.yaml"))
        if path.stem != "own"
    ],
)
def test_a_config_of_which_one_chooses_several_gives_every_argument_its_default(group, name):
    for node in OmegaConf.to_container(composed(f"{group}=[{name}]"))[group].values():
        parameters = dict(inspect.signature(get_object(node["_target_"])).parameters)
        parameters.pop("console", None)  # no setting
        parameters.pop("space", None)  # left to the caller
        given = {key: value for key, value in node.items() if key not in META}
        defaults = {key: parameter.default for key, parameter in parameters.items()}
        needed = {key for key, value in defaults.items() if value is inspect.Parameter.empty}
        assert {key for key, value in given.items() if value == "???"} == needed
        assert set(given) == set(defaults)
        for key in set(given) - needed:
            assert listed(given[key]) == listed(defaults[key]), key


def listed(value):
    """Tuples as lists, all the way down."""
    return [listed(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("name", [name for group, name in FILES if group == "generator"])
def test_a_generator_config_is_a_function_of_a_space(name):
    space = mlp(input_shape=(4,), num_classes=2, depths=(1, 2), widths=(4, 8))
    generator = instantiate(composed(f"generator={name}").generator)(space=space)
    assert isinstance(generator, Generator)
    assert generator.call(space.smallest(), torch.zeros(2, 4)).shape == (2, 2)


@pytest.mark.parametrize(
    "path", sorted((configs() / "experiment").glob("*.yaml")), ids=lambda p: p.stem
)
def test_an_experiment_composes(path: Path):
    composed(f"experiment={path.stem}")


def test_the_seed_reaches_the_generator():
    config = composed("seed=7")
    assert config.generator.seed == 7


def test_without_a_condition_generators_read_the_architecture_alone():
    assert composed()["condition"] is None
    assert composed("condition=none")["condition"] is None
