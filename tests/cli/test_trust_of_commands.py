"""Commands that open a folder call what its settings name if they are told to trust it, and unpickle nothing."""

import json
import pickle
import sys
from pathlib import Path

import pytest
import yaml

from hypernas.runs.folder import read_overrides

FAST = ["experiment=fast", "training.steps=2", "device=cpu", "hydra.run.dir=first"]
STRANGER = """
from pathlib import Path
from hypernas.data import digits
from hypernas.objectives import CrossEntropy

def data():
    Path("called.txt").write_text("")
    return digits()
"""
COMMANDS = [
    ["evaluate", "run=first", "subnets=1"],
    ["export", "run=first", "architecture=smallest", "out=net.safetensors"],
    ["finetune", "run=first", "architecture=smallest", "course.steps=1", "course.seeds=[0]"],
    ["search", "run=first", "objectives=[parameters]", "evaluations=4", "search=random"],
    ["train", "resume=first", "training.steps=3"],
]


@pytest.fixture
def theirs(run, tmp_path):
    """A run whose settings and overrides were changed to call a stranger's function."""
    assert run("train", *FAST)[0] == 0
    (tmp_path / "stranger.py").write_text(STRANGER)
    settings = yaml.safe_load(Path("first/settings.yaml").read_text())
    settings["data"] = {"_target_": "stranger.data", "_convert_": "all"}
    Path("first/settings.yaml").write_text(yaml.safe_dump(settings))
    overrides = read_overrides("first")
    own = ["data=own", "data._target_=stranger.data", "trust=stranger"]
    Path("first/overrides.json").write_text(json.dumps([*overrides, *own]))
    yield
    sys.modules.pop("stranger", None)


@pytest.mark.parametrize("command", COMMANDS[::4], ids=lambda command: command[0])
def test_a_command_that_trusts_the_module_goes_its_way(run, theirs, command):
    status, _, error = run(*command, "trust=stranger")
    assert status == 0, error
    assert Path("called.txt").exists()


def test_modules_beside_a_run_are_not_imported_in_the_place_of_installed_ones(run, theirs):
    before = [*sys.path]
    sys.path[:] = [path for path in sys.path if path not in ("", str(Path.cwd()))]
    try:
        run("evaluate", "run=first")
        assert str(Path.cwd()) not in sys.path
    finally:
        sys.path[:] = before


def test_no_command_that_reads_a_run_unpickles_anything(run):
    assert run("train", *FAST)[0] == 0
    found: list[object] = []
    watching = [True]

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "pickle.find_class":
            found.append(arguments)

    sys.addaudithook(watch)  # for good: it sees nothing any more once the list is empty
    pickle.loads(pickle.dumps(Path("a")))
    assert found != []
    found.clear()
    try:
        for command in [*COMMANDS[:2], *COMMANDS[3:], ["report", "first"]]:
            status, _, error = run(*command)
            assert status == 0, error
    finally:
        watching.clear()
    assert found == []


def test_what_training_prints_trusts_the_modules_of_its_own_settings(run, tmp_path):
    (tmp_path / "stranger.py").write_text(STRANGER)
    own = ["data=own", "data._target_=stranger.data"]
    status, out, error = run("train", *FAST, *own)
    assert status == 0, error
    assert "hypernas evaluate run=first trust=stranger\n" in out
    sys.modules.pop("stranger", None)
