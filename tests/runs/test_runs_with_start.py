"""Runs and growths that start at trained modules."""

import pytest
import torch
from safetensors.torch import save_file
from test_runs import SETTINGS
from torch.testing import assert_close

import hypernas
from hypernas.runs.assembly import space_of

SMALL, LARGEST = {"depth": 1, "width_0": 4}, {"depth": 2, "width_0": 8, "width_1": 8}
STILL = {**SETTINGS["optimizer"], "lr": 0.0}


def saved(architecture, file):
    """A module that was drawn elsewhere, and its file."""
    torch.manual_seed(5)
    module = space_of(SETTINGS, hypernas.data.digits()).build(architecture)
    save_file(module.state_dict(), file)
    return module


def assert_is(generator, module):
    with torch.no_grad():
        made = generator.eval()(generator.space.largest())
    for name, parameter in module.named_parameters():
        assert_close(made[name], parameter.detach(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("generator", ["hypernas", "Standalone"])
def test_a_run_starts_at_a_file_and_is_loaded_and_resumed_without_it(tmp_path, generator):
    file = tmp_path / "trained.safetensors"
    module = saved(LARGEST, file)
    settings = {
        **SETTINGS,
        "generator": {"_target_": f"hypernas.generators.{generator}", "_partial_": True},
        "optimizer": STILL,
        "start": str(file),
    }
    assert_is(hypernas.train(settings, tmp_path / "run").generator, module)
    file.unlink()
    assert_is(hypernas.load(tmp_path / "run").generator, module)
    longer = {**settings, "training": {**settings["training"], "steps": 6}}
    asked = ["training.steps=6"]
    run = hypernas.train(longer, tmp_path / "run", resume=True, overrides=asked)
    assert run.step == 6
    assert_is(run.generator, module)


def test_a_growth_starts_its_members_at_files(tmp_path):
    file = tmp_path / "trained.safetensors"
    module = saved(SMALL, file)
    settings = {
        **{key: value for key, value in SETTINGS.items() if key not in ("generator", "sampling")},
        "growth": {"_target_": "hypernas.growth.Recombine"},
        "members": [SMALL, SMALL],
        "starts": [str(file), None],
        "to": {"depth": 1, "width_0": 8},
        **{f"member_{key}": SETTINGS[key] for key in ("training", "schedule")},
        "member_optimizer": STILL,
        "keep_memory": False,
        "calibration_batches": 1,
    }
    hypernas.grow(settings, tmp_path / "growth")
    assert_is(hypernas.load(tmp_path / "growth" / "member_0").generator, module)
