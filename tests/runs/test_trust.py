"""Settings that lie in a file name parts of hypernas and torch, and what is trusted; nothing else is imported."""

import json
import sys
from pathlib import Path

import pytest
import yaml

import hypernas
from hypernas.runs.config_files import configs
from hypernas.runs.load import load
from hypernas.runs.overrides import stored_overrides
from hypernas.runs.trust import Untrusted, argument, check_trusted, needed

STRANGER = """
import functools
from pathlib import Path
from torch import load as borrowed
from hypernas.spaces import mlp
import os

Path(__file__).with_name("imported.txt").write_text("")
small = functools.partial(mlp, widths=(4, 8))

def mark(*args, **settings):
    Path(__file__).with_name("called.txt").write_text("")
"""
REFUSED = [
    "stranger.mark",
    "os.system",
    "builtins.eval",
    "torch.load",
    "torch.hub.load",
    "torch.save",
    "torch.compile",
    "torch.jit.ScriptModule",
    "torch.utils.cpp_extension.load_inline",
    "torch.nn.modules.linear.torch.load",
    "torch.optim.lr_scheduler.LambdaLR",
    "torch.nn.parallel.DistributedDataParallel",
    "hypernas.load",
    "hypernas.train",
    "hypernas.search.workers.os.system",
    "hypernas.search.workers.Workers",
    "hypernas.search.Front.read",
    "hypernas.data.data.torch.load",
    "hypernas.predictors.state.write_state",
    "hypernas.training.checkpoint.save",
    "hypernas.training.Training.run",
    "hypernas.runs.instantiate.instantiate",
    "hypernas.runs.instantiate.importlib.import_module",
    "hypernas.storage.files.write_whole",
]


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """A module beside which a file appears when it is imported, and another when it is called."""
    (tmp_path / "stranger.py").write_text(STRANGER)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("stranger", None)


def marks(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.txt"))


def test_the_files_of_configs_name_nothing_that_would_have_to_be_trusted():
    for path in sorted(configs().rglob("*.yaml")):
        if path.parent.name in ("collective", "fabric"):
            continue  # of `hypernas plan`, whose settings are typed and in no folder
        settings = yaml.safe_load(path.read_text()) or {}
        settings.pop("hydra", None)  # of the command line alone, in no folder of a run
        assert needed(settings) == [], path


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_part_of_hypernas_or_torch_is_refused_by_its_name(stranger, name):
    places = [
        {"data": {"_target_": name}},
        {"data": {"_target_": name, "_partial_": True}},
        {"objective": {"_target_": "hypernas.objectives.OwnLoss", "deep": [{"_target_": name}]}},
    ]
    for settings in places:
        with pytest.raises(Untrusted, match=name.replace(".", r"\.")):
            check_trusted(settings, source="a run")
    assert marks(stranger) == []


def test_all_that_would_be_imported_is_named_with_how_to_allow_it(stranger):
    settings = {
        "data": {"_target_": "stranger.mark"},
        "space": {"_target_": "hypernas.search.workers.os.system"},
        "optimizer": {"_target_": "torch.optim.AdamW"},
    }
    with pytest.raises(Untrusted) as caught:
        check_trusted(settings, source="runs/theirs")
    told = str(caught.value)
    assert told.startswith("runs/theirs would import and call")
    assert "  data._target_: stranger.mark\n" in told
    assert "  space._target_: hypernas.search.workers.os.system, which is posix.system\n" in told
    assert "optimizer._target_" not in told
    assert "'trust=[stranger,posix]' to the command" in told
    assert marks(stranger) == []


def test_what_is_trusted_may_be_imported_and_what_it_has_from_elsewhere_may_not(stranger):
    check_trusted({"data": {"_target_": "stranger.mark"}}, "stranger", source="a run")
    check_trusted({"space": {"_target_": "stranger.small"}}, ["stranger"], source="a run")
    for name, place in (
        ("stranger.borrowed", "torch.serialization.load"),
        ("stranger.os.system", "posix.system"),
    ):
        with pytest.raises(Untrusted, match=f"{name}, which is {place}"):
            check_trusted({"data": {"_target_": name}}, ["stranger"], source="a run")
    assert marks(stranger) == ["imported.txt"]
    assert needed({"data": {"_target_": "stranger.borrowed"}}) == [
        "stranger",
        "torch.serialization.load",
    ]


def test_names_that_begin_alike_are_not_trusted(stranger):
    with pytest.raises(Untrusted):
        check_trusted({"data": {"_target_": "stranger.mark"}}, ["strange"], source="a run")
    with pytest.raises(ValueError, match="expected names of modules"):
        check_trusted({}, ["no module"], source="a run")
    assert argument(["mine"]) == "trust=mine"


@pytest.mark.parametrize(
    "key", ["data", "space", "generator", "objective", "condition", "optimizer"]
)
def test_a_run_of_a_stranger_is_opened_by_nobody(stranger, key):
    settings = {name: {"_target_": "hypernas.data.digits"} for name in ("data", "space")}
    settings[key] = {"_target_": "stranger.mark"}
    (stranger / "run").mkdir()
    (stranger / "run" / "settings.yaml").write_text(yaml.safe_dump(settings))
    verbs = (
        load,
        hypernas.evaluate,
        lambda run: hypernas.export(run, "largest", stranger / "net.safetensors"),
        lambda run: hypernas.finetune(run, "largest"),
        lambda run: hypernas.find(run, objectives=["accuracy"]),
    )
    for verb in verbs:
        with pytest.raises(Untrusted, match=f"{key}._target_: stranger.mark"):
            verb(stranger / "run")
    assert marks(stranger) == []


@pytest.mark.parametrize(
    "override",
    [
        "++hydra.callbacks.own._target_=stranger.mark",
        "+data@hydra.callbacks.own=own",
        "hydra/launcher=joblib",
        "~hydra.job_logging",
        "data=../../theirs",
        "--config-dir=theirs",
        "--multirun",
        "data.root=${oc.env:HOME}",
        '"hydra.run.dir"=x',
        7,
    ],
)
def test_overrides_in_a_folder_set_nothing_but_settings_of_a_run(tmp_path, override):
    (tmp_path / "settings.yaml").write_text("seed: 0\n")
    (tmp_path / "overrides.json").write_text(json.dumps(["seed=1", override]))
    with pytest.raises(ValueError, match=r"overrides\.json"):
        stored_overrides(str(tmp_path), [])


def test_overrides_of_a_run_are_taken_but_for_those_of_the_command_and_of_today(tmp_path):
    kept = ["seed=1", "callbacks=[default,own]", "+callbacks.own.choice=depth", "~data", "data="]
    gone = ["trust=os", "resume=runs/a", "hydra.run.dir=elsewhere"]
    (tmp_path / "settings.yaml").write_text("seed: 0\n")
    (tmp_path / "overrides.json").write_text(json.dumps([*kept, *gone, "data.root=${oc.env:HOME}"]))
    assert stored_overrides(str(tmp_path), ["data.root=here"]) == kept


def test_a_file_of_settings_is_no_bomb(tmp_path):
    layers = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else '1'}]" for i in range(30)]
    references = "\n".join(f"b{i}: ${{b{i + 1}}}${{b{i + 1}}}" for i in range(19)) + "\nb19: x"
    for text in ("\n".join(layers), references * 40, "a: " + "[" * 5000, "a: &a [*a]"):
        (tmp_path / "settings.yaml").write_text(text)
        with pytest.raises(ValueError, match=r"settings\.yaml"):
            load(tmp_path)
