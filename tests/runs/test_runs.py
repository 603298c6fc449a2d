"""The functions behind the commands, called from Python, without Hydra."""

import subprocess
import sys

import pytest
import torch
from tiny_study import Here
from torch.testing import assert_close

import hypernas
from hypernas.studies import Nested

SETTINGS = {
    "data": {"_target_": "hypernas.data.digits"},
    "space": {
        "_target_": "hypernas.spaces.mlp",
        "_partial_": True,
        "depths": [1, 2],
        "widths": [4, 8],
    },
    "generator": {"_target_": "hypernas.generators.shared", "_partial_": True, "seed": "${seed}"},
    "sampling": {"_target_": "hypernas.sampling.Uniform"},
    "objective": {"_target_": "hypernas.objectives.CrossEntropy"},
    "optimizer": {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.01},
    "schedule": {"_target_": "hypernas.schedules.Cosine"},
    "training": {"_target_": "hypernas.training.Training", "steps": 4, "batch_size": 32},
    "callbacks": {
        "validation": {"_target_": "hypernas.training.callbacks.Validation", "num_subnets": 1},
        "checkpoints": {"_target_": "hypernas.training.callbacks.Checkpoints", "every": 2},
    },
    "seed": 3,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return hypernas.train(SETTINGS, tmp_path_factory.mktemp("runs") / "run")


def test_a_run_is_loaded_as_it_was_trained(run):
    again = hypernas.load(run.folder)
    assert (again.step, again.figures) == (4, run.figures)
    assert again.settings == run.settings
    for name, parameter in run.generator.named_parameters():
        assert torch.equal(again.generator.get_parameter(name), parameter)


def test_a_run_goes_on_as_one_that_never_stopped(tmp_path, run):
    longer = {**SETTINGS, "training": {**SETTINGS["training"], "steps": 6}}
    whole = hypernas.train(longer, tmp_path / "whole")
    half = {**longer, "schedule": SETTINGS["schedule"]}
    with pytest.raises(FileExistsError, match="already holds a run"):
        hypernas.train(half, tmp_path / "whole")
    again = hypernas.train(longer, tmp_path / "whole", resume=True)
    assert again.step == whole.step == 6
    with pytest.raises(ValueError, match=r"training.steps: 6 in the run, 4 now"):
        hypernas.train(SETTINGS, tmp_path / "whole", resume=True)


def test_checkpoints_are_found_where_settings_say_that_they_are_saved(tmp_path):
    saver = {"_target_": "hypernas.training.callbacks.Checkpoints", "folder": "kept"}
    settings = {**SETTINGS, "callbacks": {**SETTINGS["callbacks"], "checkpoints": saver}}
    trained = hypernas.train(settings, tmp_path / "run")
    assert (tmp_path / "run" / "kept").is_dir()
    assert hypernas.load(tmp_path / "run").step == trained.step == 4
    with pytest.raises(FileExistsError, match="already holds a run"):
        hypernas.train(settings, tmp_path / "run")


def test_subnets_are_evaluated_as_a_table(run):
    table = hypernas.evaluate(run.folder, subnets=2, device="cpu")
    assert list(table.subnet) == ["smallest", "largest", "random_0", "random_1"]
    described = hypernas.evaluate(run, architectures=["largest", table.architecture[0]])
    assert described.parameters.tolist() == [table.parameters[1], table.parameters[0]]
    name = next(c for c in table.columns if c.endswith("accuracy"))
    assert described[name].tolist() == [table[name][1], table[name][0]]


def test_a_subnet_is_exported(run, tmp_path):
    export = hypernas.export(run, {"depth": 1, "width_0": 4}, tmp_path / "small.pt2")
    assert export.difference <= 1e-6
    inputs = run.data.example("test", num=4)
    loaded = torch.export.load(export.path).module()
    assert loaded(inputs).shape == (4, 10)


def test_a_study_is_told_in_nested_values(tmp_path, monkeypatch):
    monkeypatch.setattr("hypernas.studies.jobs.ProcessPoolExecutor", Here)
    told = {
        "name": "tiny",
        "measure": "accuracy",
        "settings": [],
        "supernet": [],
        "recipe": [],
        "arms": {
            "shared": [],
            "flagship": [
                {"generator": {"_target_": "hypernas.generators.hypernas", "_partial_": True}}
            ],
        },
        "learning_rates": [0.01],
        "tuning": {1: [1000]},
        "budgets": [1],
        "last_budget": {},
        "seeds": [0],
        "subnets": 2,
        "reference_steps": 4,
        "plateau_subnets": 1,
    }
    settings = dict.fromkeys(("arms", "seeds", "budgets"))
    settings |= {"study": told, "scale": "cpu", "split": "test", "device": "cpu", "workers": 1}
    settings |= {"out": str(tmp_path / "out"), "work": str(tmp_path / "work")}
    out = hypernas.study(settings, Nested(SETTINGS))
    rows = (out / "results.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 2
    with pytest.raises(
        ValueError, match="overrides of a command line, which only the command line"
    ):
        Nested(SETTINGS)(["optimizer.lr=1"])


def test_a_condition_of_each_batch_is_trained_evaluated_and_exported(tmp_path):
    generator = {
        "_target_": "hypernas.generators.hypernas",
        "_partial_": True,
        "condition_dim": 2,
        "gate_scale": 0.5,
    }
    settings = {
        **SETTINGS,
        "data": {"_target_": "hypernas.data.digits"},
        "space": {"_target_": "hypernas.spaces.conv2d", "_partial_": True},
        "generator": generator,
        "condition": {"_target_": "hypernas.conditions.BatchStatistics"},
    }
    run = hypernas.load(hypernas.train(settings, tmp_path / "run").folder)
    table = hypernas.evaluate(run, subnets=0, device="cpu", calibration_batches=2)
    assert len(table) == 2
    vector = run.condition(run.data.example("validation", num=8))
    export = hypernas.export(run, "smallest", tmp_path / "s.safetensors", condition=vector.tolist())
    assert export.difference <= 1e-6
    with pytest.raises(ValueError, match="reads 2 numbers beside the architecture"):
        hypernas.export(run, "smallest", tmp_path / "t.safetensors")
    before = run.generator(run.generator.subnet(run.space.smallest(), vector))
    after = run.generator(run.generator.subnet(run.space.smallest(), vector + 1))
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert_close(before, run.generator(run.generator.subnet(run.space.smallest(), vector)))


def test_none_of_it_imports_hydra():
    code = (
        "import sys, hypernas\n"
        "hypernas.load, hypernas.train, hypernas.evaluate, hypernas.export, hypernas.study\n"
        "hypernas.grow\n"
        "print([m for m in ('hydra', 'omegaconf', 'tensorboard') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
