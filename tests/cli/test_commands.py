import csv
import importlib.metadata
import json
import signal
import subprocess
import sys
from pathlib import Path

import patience
import pytest

from hypernas.runs.folder import read_overrides

FAST = ["experiment=fast", "training.steps=4", "callbacks.checkpoints.every=2", "device=cpu"]


@pytest.fixture
def trained(run):
    assert run("train", *FAST, "hydra.run.dir=first")[0] == 0
    return "first"


def refused(result: tuple[int, str, str]) -> str:
    """The one message of a refusal."""
    status, _, error = result
    assert status == 2
    assert error.count("hypernas: ") == 1
    assert "Traceback" not in error
    return error.split("hypernas: ")[1]


def files(folder: str | Path = ".") -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


# --- the main job -------------------------------------------------------------------------------


def test_training_leaves_a_run_and_tells_what_to_do_next(run):
    status, out, _ = run("train", *FAST)
    assert status == 0
    folder = out.split("run ")[1].split()[0]
    assert {"checkpoints", "metrics.jsonl", "settings.yaml"} <= {
        p.name for p in Path(folder).iterdir()
    }
    assert any(p.name.startswith("events.out.tfevents") for p in Path(folder).iterdir())
    for line in out.splitlines():
        if "hypernas evaluate" in line:
            assert run(*line.split("hypernas ")[1].split(), "subnets=1")[0] == 0


def test_evaluation_prints_and_writes_a_table(run, trained):
    status, out, _ = run("evaluate", f"run={trained}", "subnets=3")
    assert status == 0
    with Path(trained, "evaluation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["subnet"] for row in rows] == [
        "smallest",
        "largest",
        "random_0",
        "random_1",
        "random_2",
    ]
    for row in rows:
        assert row["subnet"] in out
        assert 0 <= float(row["inherited_accuracy"]) <= 1
        assert f"{float(row['calibrated_accuracy']):.4f}" in out


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("smallest", {"depth": 1, "width_0": 32}),
        ("{depth: 2, width_0: 64, width_1: 32}", {"depth": 2, "width_0": 64, "width_1": 32}),
    ],
)
def test_export_writes_the_architecture_asked_for(run, trained, architecture, expected):
    status, out, _ = run(
        "export", f"run={trained}", f"architecture={architecture}", "out=net.safetensors"
    )
    assert status == 0
    assert "outputs differ from the generator's by at most" in out
    assert json.loads(Path("net.json").read_text())["architecture"] == expected


def test_a_stopped_run_goes_on_with_its_own_settings(run):
    assert run("train", *FAST, "generator=shared", "hydra.run.dir=first")[0] == 0
    status, _, error = run("train", "resume=first", "training.steps=6")
    assert status == 0
    assert "step 6/6" in error
    steps = [
        json.loads(line)["step"] for line in Path("first/metrics.jsonl").read_text().splitlines()
    ]
    assert max(steps) == 6
    assert sorted(p.name for p in Path("first/checkpoints").iterdir()) == ["00000004", "00000006"]


def test_a_run_does_not_go_on_with_defaults_it_did_not_have_unless_they_are_asked_for(run):
    assert run("train", *FAST, "sampling=sandwich", "hydra.run.dir=first")[0] == 0
    path = Path("first/overrides.json")
    # as if the sandwich had been the default when it was started, by an earlier version
    path.write_text(json.dumps([o for o in read_overrides("first") if "sandwich" not in o]))
    message = refused(run("train", "resume=first", "training.steps=6"))
    assert "sampling.num_random: 2 in the run, nothing now" in message
    assert "sampling._target_: hypernas.sampling.Sandwich in the run" in message
    assert "training.steps" not in message.split("Give")[0]
    for sampling in ("sandwich", "uniform"):
        steps = "training.steps=6" if sampling == "sandwich" else "training.steps=8"
        assert run("train", "resume=first", f"sampling={sampling}", steps)[0] == 0


def test_multirun_trains_every_combination(run):
    status, _, _ = run("train", "--multirun", *FAST, "generator=shared,mos_layer", "seed=0,1")
    assert status == 0
    assert len(list(Path("sweeps").rglob("metrics.jsonl"))) == 4


def test_the_configuration_can_be_looked_at_without_running(run):
    status, out, _ = run("train", "--cfg", "job", "optimizer.lr=0.5")
    assert status == 0
    assert "lr: 0.5" in out
    assert not Path("runs").exists()


def test_the_installed_command_starts(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "hypernas.cli.main", "train", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "training.steps" in done.stdout


def test_a_users_own_space_and_data_come_in_by_target(run, monkeypatch, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "from torch.utils.data import TensorDataset\n"
        "from hypernas import SearchSpace\n"
        "from hypernas.data import Data\n"
        "def data():\n"
        "    split = TensorDataset(torch.randn(64, 4), torch.arange(64) % 2)\n"
        "    return Data('mine', split, split, split, (4,), 2)\n"
        "def build(a):\n"
        "    return nn.Sequential(nn.Linear(4, a['width']), nn.ReLU(), nn.Linear(a['width'], 2))\n"
        "def space(input_shape, num_classes):\n"
        "    return SearchSpace({'width': [4, 8]}, build)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    settings = ["space=own", "space._target_=mine.space", "data=own", "data._target_=mine.data"]
    status, _, error = run(
        "train", *FAST, *settings, "training.batch_size=32", "hydra.run.dir=mine_run"
    )
    assert status == 0, error
    assert "mine, a space of 2 architectures" in error
    assert run("evaluate", "run=mine_run", "trust=mine")[0] == 0


# --- refusals -----------------------------------------------------------------------------------


def test_an_unknown_command_is_refused_with_those_there_are(run):
    assert "'train', 'check', 'search', 'evaluate', 'finetune', 'export'" in refused(run("teach"))


def test_a_misspelt_key_is_refused_with_those_there_are(run):
    message = refused(run("train", "training.stepz=5"))
    assert "there is no setting training.stepz" in message
    assert "'steps'" in message
    assert not files()


def test_a_misspelt_key_that_is_forced_in_is_refused_too(run):
    assert "stepz" in refused(run("train", *FAST, "+training.stepz=5"))
    assert not files()


def test_an_unknown_generator_is_refused_with_those_there_are(run):
    message = refused(run("train", "generator=magic"))
    assert "generator/magic" in message
    assert "mos_neuron" in message
    assert not files()


def test_data_that_is_not_there_is_refused_with_what_to_get(run):
    message = refused(run("train", "data=fashion_mnist", "data.root=nowhere"))
    assert "dataset-fashion-mnist" in message
    assert not files()


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("{depth: 7}", "depth: expected one of [1, 2, 3], got 7"),
        ("{depth: 1, width_0: 33}", "width_0: expected one of [32, 64, 128], got 33"),
        ("{depth: 1}", "width_0: missing"),
        ("huge", "'largest', 'smallest' or a mapping"),
    ],
)
def test_an_architecture_outside_the_space_is_refused_by_choice(
    run, trained, architecture, expected
):
    before = files()
    result = run("export", f"run={trained}", f"architecture={architecture}", "out=net.pt2")
    assert expected in refused(result)
    assert files() == before


def test_a_checkpoint_of_another_space_is_refused(run, trained):
    before = files()
    message = refused(run("train", f"resume={trained}", "space.widths=[32,48]"))
    assert "another search space" in message
    assert "width_2: [32, 64, 128] when {'depth': [3]} in the checkpoint, [32, 48] when" in message
    assert files() == before


def test_a_run_is_not_written_over(run, trained):
    before = files()
    assert "already holds a run" in refused(run("train", *FAST, f"hydra.run.dir={trained}"))
    assert files() == before


def test_an_existing_file_is_not_written_over(run, trained):
    Path("net.onnx").write_text("precious")
    result = run("export", f"run={trained}", "architecture=largest", "out=net.onnx")
    assert "overwrite=true" in refused(result)
    assert Path("net.onnx").read_text() == "precious"


def test_a_builder_whose_subnets_do_not_fit_is_refused_by_parameter(run, monkeypatch, tmp_path):
    (tmp_path / "misfit.py").write_text(
        "from torch import nn\n"
        "from hypernas import SearchSpace\n"
        "def build(a):\n"
        "    w = a['width']\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 80 - w), nn.Linear(80 - w, w))\n"
        "def space():\n"
        "    return SearchSpace({'width': [4, 8]}, build)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    own = ["space=own", "space._target_=misfit.space", "space._partial_=false"]
    message = refused(run("train", *FAST, *own, folder=empty))
    assert "2.weight: (4, 76) does not fit inside (8, 72)" in message
    assert not files()


@pytest.mark.parametrize("name", ["evaluate", "export"])
def test_a_folder_that_is_no_run_is_refused(run, name):
    settings = ["architecture=largest", "out=net.pt2"] if name == "export" else []
    assert "is not the folder of a run" in refused(run(name, "run=nowhere", *settings))


def test_a_missing_setting_is_named(run):
    assert "run is missing: give run=" in refused(run("evaluate"))


def test_a_run_without_a_checkpoint_says_so(run, trained):
    for path in sorted(Path(trained, "checkpoints").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert "there is no checkpoint" in refused(run("evaluate", f"run={trained}"))


def test_impossible_values_are_refused(run):
    assert "steps: expected 1 or more" in refused(run("train", *FAST, "training.steps=0"))
    assert "batch_size must be between" in refused(run("train", *FAST, "training.batch_size=5000"))
    assert "device" in refused(run("train", *FAST, "device=abacus"))
    untaught = "objective=distillation", "sampling=uniform"
    assert "draws no step that begins with it" in refused(run("train", *FAST, *untaught))
    assert not list(Path().iterdir())


def test_a_builder_that_breaks_is_told_without_a_traceback(run, tmp_path):
    (tmp_path / "broken.py").write_text("def space(**_):\n    raise RuntimeError('out of order')\n")
    message = refused(run("train", *FAST, "space=own", "space._target_=broken.space"))
    assert "out of order" in message
    assert "HYPERNAS_TRACEBACK=1" in message


def test_a_builder_that_breaks_names_the_architecture(run, monkeypatch, tmp_path):
    (tmp_path / "fragile.py").write_text(
        "from torch import nn\n"
        "from hypernas import SearchSpace\n"
        "def space(**_):\n"
        "    return SearchSpace({'width': [4, 8]}, lambda a: nn.Linear(8, 8 // (a['width'] - 4)))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    message = refused(run("train", *FAST, "space=own", "space._target_=fragile.space"))
    assert "ZeroDivisionError" in message
    assert "for {width: 4}" in message


def test_a_module_that_is_not_found_is_refused_with_where_it_is_looked_for(run):
    message = refused(run("train", *FAST, "space=own", "space._target_=gone.space"))
    assert "No module named 'gone'" in message
    assert "current folder and on PYTHONPATH" in message


@pytest.mark.parametrize("name", ["joblib", "submitit_slurm"])
def test_a_launcher_that_is_not_installed_is_refused_with_what_to_install(run, name):
    extra = name.partition("_")[0]
    if f"hydra-{extra}-launcher" in {found.name for found in importlib.metadata.distributions()}:
        pytest.skip("it is installed")
    message = refused(run("train", *FAST, "--multirun", f"hydra/launcher={name}"))
    assert message == f"hydra/launcher/{name} is not installed: pip install 'hypernas[{extra}]'.\n"


@pytest.mark.parametrize("folder", ["occupied", "occupied/run"])
def test_a_run_where_a_file_is_is_refused_and_the_file_kept(run, folder):
    Path("occupied").write_text("precious")
    message = refused(run("train", *FAST, f"hydra.run.dir={folder}"))
    assert f"{folder} cannot be made: a file stands where a folder should be" in message
    assert Path("occupied").read_text() == "precious"


@pytest.mark.parametrize("setting", ["subnets=some", "subnets=-1", "calibration_batches=0"])
def test_an_evaluation_of_impossible_numbers_is_refused(run, trained, setting):
    name, _, value = setting.partition("=")
    message = refused(run("evaluate", f"run={trained}", setting))
    assert message.startswith(name)
    assert "whole number" in message
    assert value in message


def test_an_export_without_an_architecture_asks_for_one(run, trained):
    message = refused(run("export", f"run={trained}", "out=net.pt2"))
    assert "architecture is missing: give architecture=" in message


def test_ctrl_c_saves_the_step_and_says_how_to_go_on(tmp_path):
    command_line = [sys.executable, "-m", "hypernas.cli.main", "train", "experiment=fast"]
    settings = [
        "training.steps=100000",
        "training.log_every=1",
        "hydra.run.dir=stopped",
        "threads=1",
    ]
    process = subprocess.Popen(
        [*command_line, *settings], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    log = tmp_path / "stopped" / "metrics.jsonl"
    patience.until(lambda: process.poll() is not None or (log.exists() and log.read_text()))
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=patience.SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert "go on by: " in error
    assert "hypernas train resume=stopped" in error
    step = int(error.split("stopped after step ")[1].split()[0])
    assert (tmp_path / "stopped" / "checkpoints" / f"{step:08d}").is_dir()


def test_a_finished_run_is_left_as_it_is(run, trained):
    before = files()
    status, _, error = run("train", f"resume={trained}", "training.steps=3")
    assert status == 0
    assert "nothing to do" in error
    assert files() == before
