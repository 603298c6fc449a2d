"""`hypernas study`, on digits and subnets of a few hundred parameters."""

import sys

import pytest
from tiny_study import TINY, Here, rows

from hypernas.cli import main as command

FILES = {
    "results": "task arm seed budget steps lr train_flops subnet architecture params macs measure "
    "inherited standalone",
    "runs": "task arm seed budget steps lr train_flops spent stored seconds diverged",
    "references": "task subnet architecture params macs seed steps measure value lr",
    "tuning": "task arm budget lr measure validation",
    "stability": "task arm seed budget step subnet value",
    "cost": "task arm stored step_ratio peak_memory_mb",
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a finished study, and what it said; computed once."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HYDRA_FULL_ERROR", "1")
        patch.setattr("hypernas.studies.jobs.ProcessPoolExecutor", Here)
        patch.setattr(sys, "argv", ["hypernas", "study", *TINY, "workers=1"])
        command.main()
    return folder


def values(table: list[dict[str, str]], *columns: str) -> set[tuple[str, ...]]:
    return {tuple(row[column] for column in columns) for row in table}


@pytest.mark.parametrize("name", FILES)
def test_a_study_writes_its_files_with_the_columns_that_reports_read(done, name):
    assert list(rows(done, name)[0]) == FILES[name].split()
    assert {row["task"] for row in rows(done, name)} == {"digits"}


def test_every_arm_budget_seed_and_subnet_has_a_row(done):
    results, arms = rows(done, "results"), ("shared", "mos_layer")
    subnets = {f"stratum_{i}" for i in range(3)}
    cells = values(results, "arm", "budget", "seed", "subnet")
    assert cells == {(a, b, "0", s) for a in arms for b in ("1", "2") for s in subnets}
    assert len(results) == len(cells)
    steps = {row["budget"]: int(row["steps"]) for row in results}
    assert steps["2"] == pytest.approx(2 * steps["1"], abs=1)
    assert values(rows(done, "runs"), "diverged") == {("False",)}
    assert values(rows(done, "cost"), "arm") == {(arm,) for arm in arms}
    assert rows(done, "cost")[0]["step_ratio"] == "1.0"
    assert all(float(row["peak_memory_mb"]) >= 0 for row in rows(done, "cost"))
    assert values(rows(done, "stability"), "budget", "arm") == {("2", arm) for arm in arms}


def test_inherited_weights_are_compared_with_the_references(done):
    references = rows(done, "references")
    assert values(references, "steps") == {("10",), ("20",)}
    alone = {row["subnet"]: row["value"] for row in references if row["steps"] == "10"}
    assert len(alone) == 3
    for row in rows(done, "results"):
        assert row["standalone"] == alone[row["subnet"]]
    sizes = values(references, "subnet", "architecture", "params", "macs")
    assert sizes == values(rows(done, "results"), "subnet", "architecture", "params", "macs")


def test_every_arm_and_stand_alone_training_have_the_same_trials_and_take_the_best(done):
    tuning, results = rows(done, "tuning"), rows(done, "results")
    tuned = [
        ("standalone", "1.0"),
        ("shared", "1"),
        ("mos_layer", "1"),
        ("shared", "2"),
        ("mos_layer", "2"),
    ]
    assert [(row["arm"], row["budget"], row["lr"]) for row in tuning] == [
        (*where, lr) for where in tuned for lr in ("0.01", "0.02")
    ]
    for where in tuned[1:]:
        own = [row for row in tuning if (row["arm"], row["budget"]) == where]
        best = max(own, key=lambda row: float(row["validation"]))
        used = {row["lr"] for row in results if (row["arm"], row["budget"]) == where}
        assert used == {best["lr"]}


def test_a_finished_study_computes_nothing_and_writes_the_same(done, study, monkeypatch):
    before = {path: path.read_bytes() for path in done.rglob("*") if path.is_file()}
    monkeypatch.setattr("hypernas.studies.jobs.ProcessPoolExecutor.submit", None)  # would fail
    status, error = study(folder=done)
    assert status == 0, error
    assert {path: path.read_bytes() for path in done.rglob("*") if path.is_file()} == before
    assert "written to out" in error


def test_the_report_reads_the_study(done, run):
    sections = ("gap", "differences", "ranking", "stability", "task", "cost", "tuning")
    markers = "".join(f"<!-- report: {name} -->\n<!-- end -->\n\n" for name in sections)
    (done / "out" / "README.md").write_text(f"# Digits\n\n{markers}")
    status, _, error = run("report", "out", folder=done)
    assert status == 0, error
    text = (done / "out" / "README.md").read_text()
    assert "| `mos_layer` |" in text
    (done / "out" / "README.md").unlink()


def test_a_users_own_space_and_data_come_in_by_target(study, monkeypatch, tmp_path):
    (tmp_path / "own_study.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "from torch.utils.data import TensorDataset\n"
        "from hypernas import SearchSpace\n"
        "from hypernas.data import Data\n"
        "def data():\n"
        "    split = TensorDataset(torch.linspace(-1, 1, 256).view(64, 4), torch.arange(64) % 2)\n"
        "    return Data('mine', split, split, split, (4,), 2)\n"
        "def build(a):\n"
        "    return nn.Sequential(nn.Linear(4, a['width']), nn.ReLU(), nn.Linear(a['width'], 2))\n"
        "def space(input_shape, num_classes):\n"
        "    return SearchSpace({'width': [4, 6, 8]}, build)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own = ["space=own", "space._target_=own_study.space", "data=own"]
    own += ["data._target_=own_study.data", "training.batch_size=16"]
    settings = "study.settings=[" + ",".join(f"'{s}'" for s in own) + "]"
    few = ["arms=[shared]", "budgets=[2]", "study.learning_rates=[0.01]", "workers=1"]
    status, error = study(settings, *few)
    assert status == 0, error
    assert {row["task"] for row in rows(tmp_path, "results")} == {"mine"}


def test_help_tells_what_a_study_is(run):
    _, out, _ = run("study", "--help")
    assert "equal compute" in out
    assert "gap_conv1d" in out
