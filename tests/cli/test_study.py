"""`hypernas study`, on digits and subnets of a few hundred parameters."""

import csv
import math
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from hypernas.cli import main as command
from hypernas.cli.jobs import digest
from hypernas.cli.main import configs
from hypernas.cli.study_plan import Plan
from hypernas.cli.study_settings import check_comparable, study_settings

FILES = {
    "results": "task arm seed budget steps lr train_flops subnet architecture params macs measure "
    "inherited standalone",
    "runs": "task arm seed budget steps lr train_flops stored seconds diverged",
    "references": "task subnet architecture params macs seed steps measure value",
    "tuning": "task arm budget lr validation",
    "stability": "task arm seed budget step subnet value",
    "cost": "task arm stored step_ratio peak_memory_mb",
}
SETTINGS = ["data=digits", "space=mlp", "space.depths=[1]", "space.widths=[4,8,16]"]
TINY = [
    "study.settings=[" + ",".join(f'"{s}"' for s in SETTINGS) + "]",
    "study.reference_steps=10",
    "study.subnets=3",
    "study.plateau_subnets=1",
    "study.last_budget={mos_layer:2}",
    "study.learning_rates=[0.01,0.02]",
    "study.budgets=[1,2]",
    "study.seeds=[0]",
    "arms=[shared,mos_layer]",
    "device=cpu",
    "out=out",
]


@pytest.fixture
def study(run):
    """`hypernas study` of the tiny study: its exit status and standard error."""
    return lambda *more, **folder: run("study", *TINY, *more, **folder)[::2]


def refused(result: tuple[int, str]) -> str:
    """The one message of a refusal."""
    status, error = result
    assert status == 2, error
    assert error.count("hypernas: ") == 1
    assert "Traceback" not in error
    return error.split("hypernas: ")[1]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a finished study, and what it said; computed once."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HYDRA_FULL_ERROR", "1")
        patch.setattr(sys, "argv", ["hypernas", "study", *TINY, "workers=1"])
        command.main()
    return folder


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "out" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def values(table: list[dict[str, str]], *columns: str) -> set[tuple[str, ...]]:
    return {tuple(row[column] for column in columns) for row in table}


# --- the whole ------------------------------------------------------------------------------------


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
    tuning = rows(done, "tuning")
    arms = ("standalone", "shared", "mos_layer")
    assert [(row["arm"], row["lr"]) for row in tuning] == [
        (arm, lr) for arm in arms for lr in ("0.01", "0.02")
    ]
    for arm in arms[1:]:
        best = max(
            (row for row in tuning if row["arm"] == arm), key=lambda r: float(r["validation"])
        )
        assert {row["lr"] for row in rows(done, "results") if row["arm"] == arm} == {best["lr"]}


def test_a_finished_study_computes_nothing_and_writes_the_same(done, study, monkeypatch):
    before = {path: path.read_bytes() for path in done.rglob("*") if path.is_file()}
    monkeypatch.setattr("hypernas.cli.jobs.ProcessPoolExecutor.submit", None)  # would fail
    status, error = study(folder=done)
    assert status == 0, error
    assert {path: path.read_bytes() for path in done.rglob("*") if path.is_file()} == before
    assert "written to out" in error


def test_the_report_reads_the_study(done, run):
    sections = ("gap", "ranking", "stability", "task", "cost", "tuning")
    markers = "".join(f"<!-- report: {name} -->\n<!-- end -->\n\n" for name in sections)
    (done / "out" / "README.md").write_text(f"# Digits\n\n{markers}")
    status, _, error = run("report", "out", folder=done)
    assert status == 0, error
    text = (done / "out" / "README.md").read_text()
    assert "| `mos_layer` |" in text
    (done / "out" / "README.md").unlink()


# --- plans ----------------------------------------------------------------------------------------


@pytest.fixture
def _composing():
    with initialize_config_dir(str(configs()), version_base="1.3"):
        yield


def plan(*more: str) -> Plan:
    return Plan(compose("study", overrides=[*TINY, *more]))


def jobs_of(some: Plan) -> set[str]:
    rates = dict.fromkeys(["standalone", *some.arms], 0.01)
    specs = [*some.alone_trials(), *some.alone(0.01), *some.trials()]
    specs += [spec for budget in some.budgets for spec in some.cells(rates, budget)]
    return {digest(spec) for spec in specs}


@pytest.mark.usefixtures("_composing")
def test_the_jobs_of_a_part_are_among_those_of_the_whole():
    part = plan("arms=[mos_layer]", "budgets=[2]", "seeds=[1]")
    assert jobs_of(part) < jobs_of(plan("seeds=[0,1]"))


@pytest.mark.usefixtures("_composing")
def test_arms_are_in_the_order_of_the_study_and_their_steps_in_units_of_its_first_one():
    some = plan("arms=[mos_layer,shared]")
    assert some.arms == ["shared", "mos_layer"]
    assert list(plan("arms=[mos_layer]").cost()["settings"]) == ["shared", "mos_layer"]


@pytest.mark.usefixtures("_composing")
def test_an_arm_of_another_sampler_has_as_many_steps_as_it_can_afford():
    some = plan("+study.arms.ends=['sampling.num_random=0']", "arms=[shared,ends]")
    steps = {spec["arm"]: spec["steps"] for spec in some.trials()}
    assert steps["ends"] > steps["shared"]


def tuning(*values: float, arm: str = "shared"):
    rates = (0.01, 0.02, 0.04)
    return [{"arm": arm, "lr": lr, "validation": v} for lr, v in zip(rates, values, strict=False)]


@pytest.mark.usefixtures("_composing")
def test_the_best_learning_rate_is_that_of_the_best_measure_that_is_a_number():
    assert plan().best(tuning(0.5, 0.7, math.nan)) == {"shared": 0.02}
    assert plan("study.measure=cross_entropy").best(tuning(2.0, 1.5, 1.8)) == {"shared": 0.02}
    assert plan().best(tuning(0.7, 0.7)) == {"shared": 0.01}


@pytest.mark.usefixtures("_composing")
def test_an_arm_that_diverges_at_every_learning_rate_is_refused():
    with pytest.raises(ValueError, match=r"every learning rate of \[0.01, 0.02\] for \['ofa'\]"):
        plan().best([*tuning(0.5, 0.7), *tuning(math.nan, math.nan, arm="ofa")])


@pytest.mark.usefixtures("_composing")
def test_a_learning_rate_at_which_one_reference_diverged_has_no_mean():
    some = plan("study.plateau_subnets=2")
    whole = {"validation": {"accuracy": 0.5}, "test": {"accuracy": 0.4}}
    found = list(zip(some.alone_trials()[:2], [whole, None], strict=True))
    assert math.isnan(some.rows.tuning(found)[0]["validation"])
    assert [row["value"] for row in some.rows.references(found)] == [0.4]


@pytest.mark.usefixtures("_composing")
def test_one_learning_rate_is_not_tuned():
    single = plan("study.learning_rates=[0.01]")
    assert single.trials() == single.alone_trials() == []
    assert single.best([]) == {"standalone": 0.01, "shared": 0.01, "mos_layer": 0.01}


@pytest.mark.usefixtures("_composing")
def test_an_arm_is_not_trained_beyond_its_last_budget():
    some = plan("study.last_budget={mos_layer:1}")
    lrs = {"shared": 0.01, "mos_layer": 0.01}
    assert [spec["arm"] for spec in some.cells(lrs, 1)] == ["shared", "mos_layer"]
    assert [spec["arm"] for spec in some.cells(lrs, 2)] == ["shared"]
    with pytest.raises(ValueError, match=r"last_budget: there is no arm \['mine'\]"):
        plan("+study.last_budget.mine=1")


@pytest.mark.usefixtures("_composing")
def test_a_reference_or_a_cell_that_diverged_leaves_its_place_empty():
    some = plan("study.plateau_subnets=3")
    whole = {"validation": {"accuracy": 0.5}, "test": {"accuracy": 0.4}}
    references = list(zip(some.alone(0.01)[:3], [whole, None, whole], strict=True))
    inherited = [
        {"subnet": name, **some.rows.subnets[name], "inherited": {"accuracy": 0.3}}
        for name in some.subnets
    ]
    cell = {"train_flops": 1.0, "stored": 1, "seconds": 1.0, "diverged": False, "trajectory": []}
    lost = {**cell, "diverged": True, "rows": [], "trajectory": [{"step": 1}]}
    specs = some.cells({"shared": 0.01, "mos_layer": 0.01}, 2)
    found = list(zip(specs, [{**cell, "rows": inherited}, lost], strict=True))
    results = some.rows.results(found, references)
    assert [row["standalone"] for row in results] == [0.4, None, 0.4]
    assert {row["arm"] for row in results} == {"shared"}
    assert [row["diverged"] for row in some.rows.runs(found)] == [False, True]
    assert some.rows.stability(found) == []


@pytest.mark.usefixtures("_composing")
@pytest.mark.parametrize("scale", ["cpu", "gpu"])
@pytest.mark.parametrize("name", sorted(path.stem for path in (configs() / "study").glob("*.yaml")))
def test_every_arm_of_every_study_composes_and_can_be_compared(name, scale):
    told = study_settings(compose("study", overrides=[f"study={name}", f"scale={scale}"]))

    def settings(*added: str):
        return OmegaConf.to_container(compose("train", overrides=[*told["settings"], *added]))

    arms = {arm: settings(*told["supernet"], *added) for arm, added in told["arms"].items()}
    arms["recipe"] = settings("generator=standalone", "sampling=fixed", *told["recipe"])
    check_comparable(settings(), arms)
    assert len({str(own) for own in arms.values()}) == len(arms)  # no two are the same


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("arms=[shared,shraed]", "arms: expected of ['shared', 'shared_distilled', "),
        ("arms=shared", "arms: expected a list of one or more, each once, got 'shared'"),
        ("arms=[]", "arms: expected a list of one or more"),
        ("seeds=[0,0]", "seeds: expected a list of one or more, each once, got [0, 0]"),
        ("seeds=[one]", "seeds: expected integers, got ['one']"),
        ("seeds=3", "seeds: expected a list of one or more, each once, got 3"),
        ("budgets=[0]", "budgets: expected positive numbers, got [0]"),
        ("budgets=[0.001]", "a budget of 0.001 is less than one step"),
        ("study.learning_rates=[]", "learning_rates: expected a list of one or more"),
        ("scale=tpu", "scale must be one of ['cpu', 'gpu'], got 'tpu'"),
        ("split=train", "split: expected validation or test, got 'train'"),
        ("study.measure=loss", "measure: expected one of ['accuracy', 'cross_entropy']"),
        ("study.plateau_subnets=4", "plateau_subnets: expected at most the 3 subnets, got 4"),
        ("study.subnets=30", "as many as the space has, got 30"),
        ("study.reference_steps=0", "reference_steps: expected 1 or more, got 0"),
        ("study.recipe=['training.batch_size=8']", "recipe changes training.batch_size"),
        ("+study.arms.standalone=[]", "standalone is the name of stand-alone training"),
        ("+study.budgest=[1]", "missing or unknown: ['budgest']"),
        ("workers=0", "workers must be 1 or more, got 0"),
        ("study.settings=['data=fashion_mnist','data.root=nowhere']", "no train-images-idx3"),
        ("study.settings=['generator=magic']", "generator/magic"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_before_anything_is_computed(
    study, tmp_path, setting, expected
):
    assert expected in refused(study(setting))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_composing")
def test_everything_that_is_wrong_is_told_at_once():
    with pytest.raises(ValueError, match=r"(?s)measure: .*split: .*seeds: .*budgets: "):
        plan("study.measure=loss", "split=train", "seeds=[]", "budgets=[-1]")


@pytest.mark.usefixtures("_composing")
def test_an_arm_that_changes_the_task_is_refused():
    with pytest.raises(ValueError, match="wide changes space"):
        plan("+study.arms.wide=['space.widths=[4,8]']", "arms=[shared,wide]")


def test_a_misspelt_arm_is_refused_before_stand_alone_training(study, tmp_path):
    message = refused(study("+study.arms.mine=['generator=mine']", "arms=[mine]"))
    assert "generator/mine" in message
    assert list(tmp_path.iterdir()) == []


def test_a_study_that_is_not_there_is_refused_with_those_there_are(study):
    message = refused(study("study=gap_conv3d"))
    assert "study/gap_conv3d" in message
    assert "gap_transformer" in message


def test_results_of_something_else_are_not_written_over(study, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.csv").write_text("arm,accuracy\nshared,0.9\n")
    assert "is not of a study of digits" in refused(study())
    assert (tmp_path / "out" / "results.csv").read_text() == "arm,accuracy\nshared,0.9\n"


def test_a_file_in_place_of_the_folder_is_refused(study, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert "out=out is a file: give a folder" in refused(study())


def test_what_a_constructor_says_in_another_process_reaches_the_user(study):
    bad = "+study.arms.bad=['generator=mos_layer','generator.num_experts=-3']"
    status, error = study(bad, "arms=[bad]", "workers=1")
    assert status == 2
    assert "Traceback" not in error
    assert "-3" in error.split("hypernas: ")[1]
    assert "tuning failed: bad, budget 1, seed 1000, lr 0.01" in error


def test_stand_alone_training_that_diverges_everywhere_is_told_with_its_trials(study, tmp_path):
    message = refused(study("study.learning_rates=[1e30,1e31]", "workers=1"))
    assert "diverged at every learning rate of [1e+30, 1e+31] for ['standalone']" in message
    assert (tmp_path / "out" / "tuning.csv").read_text().splitlines()[1].endswith(",nan")


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
