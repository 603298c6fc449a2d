"""A user's own part of every group, in a module of the current folder, comes in by `_target_`."""

import json
from pathlib import Path

import pytest

from hypernas.runs.config_files import configs

FAST = ["experiment=fast", "training.steps=4", "device=cpu", "hydra.run.dir=own_run"]
SMALL = ["space=mlp", "space.widths=[8,16]", "space.depths=[2]", "members=[smallest]"]
MODULE = """
import torch
from torch.utils.data import TensorDataset

from hypernas import SearchSpace, generators
from hypernas.conditions import Condition
from hypernas.data import Data
from hypernas.growth import Net2Net
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Sampler
from hypernas.schedules import Schedule
from hypernas.spaces import mlp


def note(name, value):
    with open("notes.txt", "a") as file:
        file.write(f"{name} {value}\\n")


def objective(smoothing):
    note("objective", smoothing)
    return CrossEntropy(label_smoothing=smoothing)


def generator(space, seed):
    note("generator", seed)
    return generators.shared(space, seed=seed)


class Sampling(Sampler):
    def __init__(self, size):
        note("sampling", size)
        self.size = size

    def __call__(self, space, rng):
        return [getattr(space, self.size)()]


class MySchedule(Schedule):
    def __init__(self, factor):
        note("schedule", factor)
        self.factor = factor

    def __call__(self, step, steps):
        return self.factor


class MyCallback:
    def __init__(self, word):
        note("callbacks", word)

    def __call__(self, run, event):
        pass


class MyCondition(Condition):
    def __init__(self, scale):
        note("condition", scale)
        self.scale = scale

    def __call__(self, inputs):
        return self.scale * torch.ones(2)

    def rest(self, inputs):
        return inputs


def growth(noise):
    note("growth", noise)
    return Net2Net(noise=noise)


def change(space, count):
    note("changes", count)
    return space


def data(num):
    note("data", num)
    split = TensorDataset(torch.randn(num, 4), torch.arange(num) % 2)
    return Data("mine", split, split, split, (4,), 2)


def space(input_shape, num_classes, width):
    note("space", width)
    return mlp(input_shape=input_shape, num_classes=num_classes, depths=(1, 2), widths=(width, 64))
"""
OWN = {  # group -> name in the module, and an argument
    "data": ("data", "num", 64),
    "space": ("space", "width", 32),
    "changes": ("change", "count", 3),
    "generator": ("generator", "seed", 5),
    "sampling": ("Sampling", "size", "largest"),
    "objective": ("objective", "smoothing", 0.25),
    "condition": ("MyCondition", "scale", 2),
    "schedule": ("MySchedule", "factor", 0.5),
    "callbacks": ("MyCallback", "word", "hear"),
    "growth": ("growth", "noise", 0.5),
}
SEVERAL = {"callbacks": "[default,own]", "changes": "[own]"}  # groups of which one chooses some


@pytest.fixture(autouse=True)
def _module(tmp_path):
    (tmp_path / "mine.py").write_text(MODULE)


def chosen(group: str) -> list[str]:
    name, argument, value = OWN[group]
    at = f"{group}.own" if group in SEVERAL else group
    own = SEVERAL.get(group, "own")
    return [f"{group}={own}", f"{at}._target_=mine.{name}", f"+{at}.{argument}={value}"]


def test_every_group_of_parts_has_a_file_for_ones_own():
    files = {path.parent.name for path in configs().rglob("own.yaml")}
    of_searches = {"search", "cost"}  # in tests/cli/test_search.py
    of_streams = {"tasks", "method"}  # in tests/cli/test_continual_command.py
    assert files == set(OWN) | of_searches | of_streams


@pytest.mark.parametrize("group", OWN)
def test_ones_own_part_is_made_with_its_arguments(run, group):
    if group == "growth":
        steps = ["member_training.steps=2", "training.steps=2", "device=cpu"]
        status, _, error = run("grow", *SMALL, *steps, *chosen(group))
    else:
        more = ["training.batch_size=32"] if group == "data" else []
        if group == "condition":
            more = ["generator.condition_dim=2"]
        status, _, error = run("train", *FAST, *chosen(group), *more)
    assert status == 0, error
    assert f"{group} {OWN[group][2]}" in Path("notes.txt").read_text().splitlines()


def test_all_parts_can_be_ones_own_and_the_run_is_used_as_any(run):
    groups = [group for group in OWN if group not in ("growth", "condition")]
    settings = [setting for group in groups for setting in chosen(group)]
    status, _, error = run("train", *FAST, *settings, "training.batch_size=32")
    assert status == 0, error
    assert "mine, a space of" in error
    log = [json.loads(line) for line in Path("own_run/metrics.jsonl").read_text().splitlines()]
    assert log[0]["learning_rate"] == pytest.approx(0.0015)
    assert run("evaluate", "run=own_run", "subnets=1", "trust=mine")[0] == 0
    assert run("train", "resume=own_run", "training.steps=6", "trust=mine")[0] == 0


@pytest.mark.parametrize("group", [group for group in OWN if group != "growth"])
def test_ones_own_without_a_target_says_what_is_missing(run, group):
    status, _, error = run("train", *FAST, chosen(group)[0])
    assert status == 2
    at = f"{group}.own" if group in SEVERAL else group
    assert f"{at}._target_ is missing: give {at}._target_=" in error
