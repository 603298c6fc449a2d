"""`hypernas search`, and what other commands do with what it found."""

import csv
import json
from pathlib import Path

import pytest

FAST = ["experiment=fast", "training.steps=4", "callbacks.checkpoints.every=2", "device=cpu"]
SEARCH = ["evaluations=6", "at_once=3", "calibration_batches=1", "device=cpu"]
OWN = """
from hypernas.cost import Parameters


class Price(Parameters):
    name, unit = "price", "euros"

    def count(self, module):
        return 2 * super().count(module)
"""


@pytest.fixture
def searched(run):
    assert run("train", *FAST, "hydra.run.dir=first")[0] == 0
    Path("my_cost.py").write_text(OWN)
    return lambda *more: run("search", "run=first", *SEARCH, *more)


def refused(result: tuple[int, str, str]) -> str:
    """The one message of a refusal."""
    status, _, error = result
    assert status == 2
    assert "Traceback" not in error
    _, message = error.split("hypernas: ")
    return message


def test_a_search_leaves_a_front_that_the_other_commands_take(run, searched):
    status, out, error = searched("hydra.run.dir=first/searches/one", "halving=0.5")
    assert status == 0
    assert "6/6" in error
    assert "hypervolume" in error
    folder = Path("first/searches/one")
    with (folder / "search.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 6
    front = json.loads((folder / "front.json").read_text())
    assert (folder / "front.png").is_file()
    for line in out.splitlines():
        if "evaluate" in line:
            command = line.split("hypernas ")[1].split()
            assert run(*command, "device=cpu")[0] == 0
            assert "the test split was read" in refused(run(*command, "device=cpu"))
        if "export" in line:
            command = line.split("hypernas ")[1].replace(".onnx", ".safetensors").split()
            assert run(*command)[0] == 0
    with (folder / "test.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [json.loads(row["architecture"]) for row in rows] == [
        point["architecture"] for point in front["points"]
    ]
    assert Path("best.safetensors").is_file()
    if len(rows) > 1:
        assert "say which" in refused(
            run("export", "run=first", f"architecture={folder}/front.json", "out=a.safetensors")
        )
    assert run("report", "first")[0] == 0
    page = Path("first/report/report.html").read_text()
    assert "Search: high accuracy, low parameters" in page
    first = (folder / "front.json").read_bytes()
    assert "already holds a search" in refused(searched("hydra.run.dir=first/searches/one"))
    assert run("search", f"resume={folder}")[0] == 0
    assert (folder / "front.json").read_bytes() == first


def test_a_cost_of_ones_own_is_a_measure_like_any_other(searched):
    status, _, error = searched(
        *(
            "cost@costs.own=own",
            "costs.own._target_=my_cost.Price",
            "objectives=[accuracy,min:own]",
        ),
        *("constraints.own=1000000", "search=random"),
    )
    assert (status, "price" in error) == (0, True)


def test_what_cannot_be_searched_is_told_in_one_message(run, searched):
    wrong = refused(searched("objectives=[beauty]"))
    assert "no measure 'beauty', expected one of ['accuracy', 'cross_entropy'" in wrong
    assert "the smallest value is" in refused(searched("constraints.parameters=3"))
    assert "expected a whole number" in refused(searched("evaluations=0"))
    assert "not the folder of a run" in refused(run("search", "run=nowhere"))
    Path("other.json").write_text(
        '{"space": {}, "objectives": [], "constraints": [], '
        '"points": [{"architecture": {}, "values": {}, "intervals": {}}]}'
    )
    for command, more in (("evaluate", []), ("export", ["out=a.safetensors"])):
        told = refused(run(command, "run=first", "architecture=other.json:best", *more))
        assert "a front of another space" in told
    assert all((folder / "search.csv").is_file() for folder in Path("first").glob("searches/*"))


def test_a_subnet_is_trained_on_and_alone_and_the_network_is_a_file(run):
    assert run("train", *FAST, "hydra.run.dir=first")[0] == 0
    command = ["finetune", "run=first", "architecture=smallest", "course.steps=2", "device=cpu"]
    status, out, _ = run(*command, "course.seeds=[0]", "out=small.safetensors")
    assert status == 0
    assert "inheriting was worth" in out
    assert Path("small.safetensors").is_file()
    with Path("first/finetune.csv").open() as file:
        assert [row["arm"] for row in csv.DictReader(file)] == ["inherited", "finetuned", "alone"]
    assert "seeds must be a list" in refused(run(*command, "course.seeds=[]"))
