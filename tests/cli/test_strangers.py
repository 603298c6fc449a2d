"""Every command, and every function of the library, that opens a folder calls nothing that it names unless that is trusted."""

import inspect
import json
import sys
from pathlib import Path

import pytest
import yaml
from tiny_study import TINY

import hypernas
from hypernas.cli.main import _COMMANDS
from hypernas.runs.config_files import configs
from hypernas.runs.folder import read_overrides
from hypernas.runs.trust import Untrusted

FAST = [
    *("experiment=fast", "training.steps=1", "device=cpu", "callbacks.validation.num_subnets=1"),
    *("callbacks.validation.calibration_batches=1", "~callbacks.tensorboard"),
]
STRANGER = """
from pathlib import Path
from hypernas.data import digits

Path(__file__).with_name("imported.txt").write_text("")

def data():
    Path(__file__).with_name("called.txt").write_text("")
    return digits()
"""
TO_GROW = [
    *("space=mlp", "members=[smallest,smallest]", "member_training.steps=1", "training.steps=1"),
    *("device=cpu", "calibration_batches=1", "hydra.run.dir=growth", "~callbacks.tensorboard"),
    *("callbacks.validation.num_subnets=1", "callbacks.validation.calibration_batches=1"),
]
TO_LEARN = [
    "tasks.num=1",
    "course.steps=1",
    "space.widths=[8]",
    "device=cpu",
    "hydra.run.dir=stream",
]
COMMANDS = {  # command -> arguments with which it opens what strangers gave; None if it opens nothing
    "train": ["resume=first", "training.steps=3"],
    "check": None,  # a space of the command line alone
    "search": ["run=first", "objectives=[parameters]", "evaluations=4", "search=random"],
    "evaluate": ["run=first", "subnets=1"],
    "finetune": ["run=first", "architecture=smallest", "course.steps=1", "course.seeds=[0]"],
    "export": ["run=first", "architecture=smallest", "out=net.safetensors"],
    "freeze": ["run=first", "out=net.safetensors"],
    "translate": ["run=first", "text=a"],
    "grow": ["resume=growth", "training.steps=3"],
    "plan": None,  # parts of the command line alone
    "continual": ["resume=stream"],
    "replay": ["run=first"],
    "study": ["--config-dir", "conf", "study=theirs", *TINY[1:]],
    "describe": None,  # a table of hypernas's own
    "report": ["first"],
}
FUNCTIONS = {  # public name -> a call of it on a folder; None if it takes none, or settings of the caller
    "load": lambda: hypernas.load("first"),
    "evaluate": lambda: list(hypernas.evaluate("first")),
    "export": lambda: hypernas.export("first", "smallest", "net.safetensors"),
    "export_translator": lambda: hypernas.export_translator("first", "smallest", "net"),
    "learn": None,
    "find": lambda: hypernas.find("first", objectives=["loss"]),
    "finetune": lambda: hypernas.finetune("first", "smallest"),
    "freeze": lambda: hypernas.freeze("first", "net.safetensors"),
    "replay": lambda: hypernas.replay("first"),
    "report": lambda: hypernas.report(["first"]),
    "translate": lambda: list(hypernas.translate("first", "a")),
    "check": None,
    "plan": None,
    "train": None,
    "grow": None,
    "study": None,
}


def corrupt(folder: str) -> None:
    """Let a run's settings and overrides name a stranger's function, as those do that a stranger sends."""
    settings = yaml.safe_load(Path(folder, "settings.yaml").read_text())
    settings["data"] = {"_target_": "stranger.data", "_convert_": "all"}
    Path(folder, "settings.yaml").write_text(yaml.safe_dump(settings))
    more = [*read_overrides(folder), "data=own", "data._target_=stranger.data", "trust=stranger"]
    Path(folder, "overrides.json").write_text(json.dumps(more))


@pytest.fixture
def theirs(run, tmp_path, monkeypatch):
    """A run and a growth whose files name a stranger's function, whose module could be imported."""
    assert run("train", *FAST, "hydra.run.dir=first")[0] == 0
    assert run("grow", *TO_GROW)[0] == 0
    assert run("continual", *TO_LEARN)[0] == 0
    (tmp_path / "stranger.py").write_text(STRANGER)
    monkeypatch.syspath_prepend(tmp_path)
    study = yaml.safe_load((configs() / "study" / "gap_conv1d.yaml").read_text())
    study["settings"] = ["data=own", "data._target_=stranger.data", "space=mlp"]
    (tmp_path / "conf" / "study").mkdir(parents=True)
    (tmp_path / "conf" / "study" / "theirs.yaml").write_text(yaml.safe_dump(study))
    for folder in (
        "first",
        "stream",
        "growth",
        "growth/member_0",
        "growth/member_1",
        "growth/grown",
    ):
        corrupt(folder)
    yield tmp_path
    sys.modules.pop("stranger", None)


def test_the_commands_and_functions_that_are_tried_are_all_there_are():
    assert list(COMMANDS) == list(_COMMANDS)
    called = {name for name in hypernas.__all__ if inspect.isfunction(getattr(hypernas, name))}
    assert set(FUNCTIONS) == called


def test_no_command_and_no_function_imports_or_calls_what_a_strangers_files_name(run, theirs):
    for command, arguments in COMMANDS.items():
        if arguments is None:
            continue
        status, out, error = run(command, *arguments)
        assert "data._target_: stranger.data" in error, (command, out, error)
        if command == "report":
            assert status == 0  # it leaves the gates out
        else:
            assert status == 2, command
            assert "give trust=stranger to the command" in error
    for name, call in FUNCTIONS.items():
        if name == "report":
            assert "stranger.data" in str(FUNCTIONS["report"]().lacking)
        elif call is not None:
            with pytest.raises(Untrusted, match=r"stranger\.data"):
                call()
    assert list(theirs.glob("*.txt")) == []
    assert "stranger" not in sys.modules
