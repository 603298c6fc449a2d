"""hypernas grow: its phases, going on in any of them, exporting any of them."""

import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from hypernas.cli import main as command
from hypernas.runs.load import load
from hypernas.storage.seal import read_sealed, write_sealed

FAST = [
    "space=mlp",
    "space.widths=[8,16]",
    "space.depths=[2]",
    "members=[smallest,smallest]",
    "to=largest",
    "member_training.steps=4",
    "training.steps=4",
    "callbacks.checkpoints.every=2",
    "calibration_batches=2",
    "device=cpu",
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a growth that is over, made once."""
    folder = tmp_path_factory.mktemp("growth")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HYDRA_FULL_ERROR", "1")
        patch.setattr(sys, "argv", ["hypernas", "grow", *FAST, "hydra.run.dir=whole"])
        command.main()
    return folder / "whole"


@pytest.fixture
def grown(run, whole):
    """A copy of it in the current folder."""
    shutil.copytree(whole, "whole")
    return "whole"


def refused(result: tuple[int, str, str]) -> str:
    status, _, error = result
    assert status == 2
    assert "Traceback" not in error
    return error.split("hypernas: ")[1]


def state(folder: str, step: int) -> dict[str, torch.Tensor]:
    return load_file(Path(folder, "checkpoints", f"{step:08d}", "state.safetensors"))


def test_a_growth_is_a_run_for_each_phase_whose_flops_add_up(grown):
    phases = read_sealed(Path(grown, "phases.json"))["phases"]
    assert [phase["name"] for phase in phases] == ["member_0", "member_1", "grown"]
    spent = 0
    for phase in phases:
        spent += phase["steps"] * phase["step_flops"]
        assert phase["train_flops"] == spent
        assert set(phase["before"]) == set(phase["after"]) == {"accuracy", "cross_entropy"}
        assert Path(grown, phase["name"], "metrics.jsonl").is_file()
    assert phases[0]["step_flops"] == phases[1]["step_flops"] < phases[2]["step_flops"]


@pytest.mark.parametrize("phase", ["", "/member_0", "/member_1", "/grown"])
def test_every_phase_can_be_exported_and_evaluated(run, grown, phase):
    status, out, error = run(
        "export", f"run={grown}{phase}", "architecture=largest", "out=net.safetensors"
    )
    assert status == 0, error
    wide = 8 if "member" in phase else 16
    assert load_file("net.safetensors")["layers.0.0.weight"].shape == (wide, 64)
    assert "outputs differ from the generator's by at most" in out
    assert run("evaluate", f"run={grown}{phase}", "subnets=0", "out=table.csv")[0] == 0


@pytest.mark.parametrize("folders", [["whole"], ["whole/grown"]])
def test_a_growth_and_its_phases_can_be_reported(run, grown, folders):
    status, _, error = run("report", *folders, "--out", "page.html")
    assert status == 0, error
    page = Path("page.html").read_text()
    assert ("member_1" in page) == (folders == ["whole"])
    assert "grown" in page
    assert "layers.1.0.weight[0:8, 8:16]" in page


def test_a_growth_can_be_exported_before_the_grown_network_has_taken_a_step(run, grown):
    shutil.rmtree(Path(grown, "grown", "checkpoints", "00000004"))
    shutil.rmtree(Path(grown, "grown", "checkpoints", "00000002"))
    expected = state(f"{grown}/member_0", 4)
    assert run("grow", f"resume={grown}")[0] == 0  # nothing is left of it: it is grown again
    assert_close(state(f"{grown}/member_0", 4), expected, rtol=0, atol=0)
    shutil.rmtree(Path(grown, "grown"))
    phases = read_sealed(Path(grown, "phases.json"))["phases"]
    write_sealed(Path(grown, "phases.json"), {"phases": phases[:2]})
    assert run("grow", f"resume={grown}", "callbacks.checkpoints.every=9")[0] == 0
    assert sorted(p.name for p in Path(grown, "grown", "checkpoints").iterdir()) == [
        "00000000",
        "00000004",
    ]
    shutil.rmtree(Path(grown, "grown", "checkpoints", "00000004"))
    status, out, error = run("export", f"run={grown}", "architecture=largest", "out=net.pt2")
    assert status == 0, error
    assert "outputs differ from the generator's by at most" in out


@pytest.mark.parametrize("stopped_in", ["member_0", "member_1", "grown"])
def test_a_growth_that_stopped_in_a_phase_ends_as_one_that_did_not(run, grown, stopped_in):
    expected = state(f"{grown}/grown", 4)
    phases = read_sealed(Path(grown, "phases.json"))["phases"]
    names = [phase["name"] for phase in phases]
    kept = names.index(stopped_in) + 1
    write_sealed(Path(grown, "phases.json"), {"phases": phases[:kept]})
    for name in names[kept:]:
        shutil.rmtree(Path(grown, name))
    shutil.rmtree(Path(grown, stopped_in, "checkpoints", "00000004"))
    status, _, error = run("grow", f"resume={grown}")
    assert status == 0, error
    assert_close(state(f"{grown}/grown", 4), expected, rtol=0, atol=0)


def test_what_the_optimizer_kept_of_the_members_goes_on_unless_told_not_to(run, grown):
    assert run("grow", *FAST, "keep_memory=false", "hydra.run.dir=afresh")[0] == 0
    steps = [
        {float(v) for n, v in state(f"{folder}/grown", 4).items() if n.endswith(".step")}
        for folder in (grown, "afresh")
    ]
    assert steps == [{4.0, 8.0}, {4.0}]


@pytest.mark.parametrize(
    ("growth", "members"), [("scratch", 0), ("net2net", 1), ("random", 2), ("recombine", 2)]
)
def test_every_method_grows(run, growth, members):
    status, _, error = run("grow", *FAST, f"growth={growth}", "hydra.run.dir=it")
    assert status == 0, error
    assert len(list(Path("it").glob("member_*"))) == members
    parts = load("it")
    assert parts.step == 4
    assert parts.space.largest() == {"depth": 2, "width_0": 16, "width_1": 16}


class Here:
    """A pool whose processes are this one."""

    def __init__(self, workers, mp_context):
        assert workers == 2
        self.map = map

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


def test_modules_that_are_incubated_at_once_are_those_of_one_process(run, monkeypatch):
    more = ["space=mlp", "space.widths=[8]", "space.depths=[2,3]", "growth=incubate"]
    more += ["members=[{depth: 2, width_0: 8, width_1: 8}]", "stage_steps=2", *FAST[5:]]
    monkeypatch.setattr("hypernas.runs.workers.ProcessPoolExecutor", Here)
    for workers in (1, 2):
        status, _, error = run("grow", *more, f"workers={workers}", f"hydra.run.dir=by_{workers}")
        assert status == 0, error
    names = [p["name"] for p in read_sealed(Path("by_2", "phases.json"))["phases"]]
    assert names == ["member_0", "stage_0", "stage_1", "grown"]
    assert load("by_2/stage_1").step == 2
    assert_close(state("by_1/grown", 4), state("by_2/grown", 4), rtol=0, atol=0)


def test_too_few_templates_are_warned_of_on_the_terminal(run):
    assert "cannot be orthogonal" not in run("grow", *FAST, "hydra.run.dir=enough")[2]
    _, _, error = run("grow", *FAST, "growth.num_templates=1", "hydra.run.dir=few")
    assert "warning: 2 stacks have fewer templates than readers" in error


def test_the_default_growth_and_another_target_are_ready_to_run(run):
    steps = ["member_training.steps=1", "training.steps=1", "device=cpu"]
    status, _, error = run("grow", *steps, "training.batch_size=8")
    assert status == 0, error
    assert "warning" not in error
    small = ["space=mlp", "members=[smallest,smallest]", "to={depth: 1, width_0: 64}"]
    assert run("grow", *steps, *small, "hydra.run.dir=small")[0] == 0
    assert load("small").space.largest() == {"depth": 1, "width_0": 64}


def test_help_and_the_configuration_can_be_looked_at(run):
    status, out, _ = run("grow", "--help")
    assert status == 0
    assert "hypernas grow resume=runs/..." in out
    assert "one of incubate, net2net, random, recombine," in out
    assert not [line for line in out.splitlines() if line.startswith(("generator:", "sampling:"))]
    assert "num_templates: 2" in run("grow", "--cfg", "job")[1]


def test_a_growth_is_not_written_over(run, grown):
    assert "already holds a growth" in refused(run("grow", *FAST, f"hydra.run.dir={grown}"))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["to=smallest", "members=[largest]"], "which is smaller"),
        (["members=[smallest,smallest,smallest]"], "the members bring 8 + 8 + 8 channels"),
        (
            ["members=[{depth: 2, width_0: 9, width_1: 8}]"],
            "width_0: expected one of [8, 16], got 9",
        ),
        (["growth.coefficients=magic"], "coefficients must be one of"),
        (["growth.num_template=3"], "there is no setting growth.num_template"),
        (["members=[]"], "one member or more"),
        (["members=smallest"], "members: expected a list"),
        (["calibration_batches=0"], "calibration_batches: expected 1 or more, got 0"),
    ],
)
def test_what_cannot_be_grown_is_refused_before_anything_is_trained(run, settings, expected):
    assert expected in refused(run("grow", *FAST, *settings))
    assert not list(Path().rglob("checkpoints"))


def test_a_growth_of_another_space_is_refused(run, grown):
    message = refused(run("grow", f"resume={grown}", "space.widths=[4,16]"))
    assert "member_0: space.widths: [8, 16] in its folder, [4, 16] here" in message


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("member_training.steps=8", "member_1: training.steps: 4 in its folder, 8 here"),
        ("growth.coefficients=zero", "grown: generator.growth.coefficients: orthogonal in"),
        ("members=[smallest]", "member_1: seed: 1 in its folder, absent here"),
        ("seed=3", "grown: seed: 2 in its folder, 5 here"),
    ],
)
def test_what_a_phase_rests_on_cannot_be_changed_afterwards(run, grown, setting, named):
    before = contents(grown)
    assert named in refused(run("grow", f"resume={grown}", setting))
    assert contents(grown) == before


def test_the_last_phase_can_be_trained_for_longer(run, grown):
    status, _, error = run("grow", f"resume={grown}", "training.steps=6")
    assert status == 0, error
    last = read_sealed(Path(grown, "phases.json"))["phases"][-1]
    assert last["steps"] == 6
    assert "steps: 6" in Path(grown, "grown", "settings.yaml").read_text()


@pytest.mark.parametrize("folder", ["whole/member_0", "trained"])
def test_to_go_on_in_a_folder_that_holds_no_growth_is_refused_and_changes_nothing(
    run, grown, folder
):
    if folder == "trained":
        plain = ["space=mlp", "training.steps=1", "device=cpu"]
        assert run("train", *plain, "hydra.run.dir=trained")[0] == 0
    before = contents(folder)
    assert "is not the folder of a growth" in refused(run("grow", f"resume={folder}"))
    assert contents(folder) == before


@pytest.mark.parametrize("folder", ["whole", "whole/member_0", "whole/grown"])
def test_training_refuses_to_go_on_with_a_growth_and_names_what_does(run, grown, folder):
    before = contents(grown)
    message = refused(run("train", f"resume={folder}", "training.steps=9"))
    assert f"{folder} is of a growth" in message
    assert "by hypernas grow resume=whole." in message
    assert contents(grown) == before


def contents(folder: str) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def stop(*arguments, **keywords):
    raise KeyboardInterrupt


@pytest.mark.parametrize("place", ["recalibrate", "step_flops", "memory_of"])
def test_stopped_between_phases_it_tells_how_to_go_on_and_loses_nothing(
    run, grown, monkeypatch, place
):
    expected = state(f"{grown}/grown", 4)
    if place == "recalibrate":
        shutil.rmtree(Path(grown, "grown"))
        phases = read_sealed(Path(grown, "phases.json"))["phases"]
        write_sealed(Path(grown, "phases.json"), {"phases": phases[:2]})
    before = read_sealed(Path(grown, "phases.json"))["phases"]
    with monkeypatch.context() as patch:
        patch.setattr(f"hypernas.runs.grow.{place}", stop)
        status, _, error = run("grow", f"resume={grown}")
    assert status == 130
    assert "stopped; go on by: " in error
    assert f"hypernas grow resume={grown}" in error
    assert read_sealed(Path(grown, "phases.json"))["phases"] == before
    assert run("grow", f"resume={grown}")[0] == 0
    assert_close(state(f"{grown}/grown", 4), expected, rtol=0, atol=0)


def test_stopped_before_its_first_phase_it_goes_on_and_has_nothing_to_export(run, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("hypernas.runs.grow.step_flops", stop)
        assert run("grow", *FAST, "hydra.run.dir=it")[0] == 130
    message = refused(run("export", "run=it", "architecture=largest", "out=net.onnx"))
    assert "a growth of which no phase has begun yet" in message
    assert run("grow", "resume=it")[0] == 0
