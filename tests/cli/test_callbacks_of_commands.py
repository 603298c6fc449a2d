"""Callbacks and schedules that are chosen, dropped and added from outside."""

import json

FAST = ["experiment=fast", "training.steps=4", "device=cpu", "hydra.run.dir=mine"]
MODULE = """
from pathlib import Path


def see(run, event):
    with run.path("seen.txt").open("a") as file:
        file.write(f"{type(event).__name__} {event.step}\\n")


class Loud:
    def __init__(self, *, word):
        self.word = word

    def __call__(self, run, event):
        run.path("word.txt").write_text(self.word)
"""


def test_a_function_and_a_class_of_ones_own_are_callbacks(run, tmp_path):
    (tmp_path / "sights.py").write_text(MODULE)
    own = ["+callbacks.mine._target_=sights.see", "+callbacks.loud._target_=sights.Loud"]
    status, _, error = run("train", *FAST, *own, "+callbacks.loud.word=hear")
    assert status == 0, error
    seen = (tmp_path / "mine" / "seen.txt").read_text().split("\n")
    assert seen[:3] == ["Begun 0", "Stepped 1", "Stepped 2"]
    assert seen[-3:] == ["Validated 4", "Ended 4", ""]
    assert (tmp_path / "mine" / "word.txt").read_text() == "hear"


def test_callbacks_are_added_by_name_and_dropped_and_schedules_chosen(run, tmp_path):
    chosen = ["callbacks=[default,early_stopping,average]", "callbacks.average.decay=0.5"]
    rest = ["~callbacks.tensorboard", "schedule=one_cycle", "training.accumulate=2"]
    status, _, error = run("train", *FAST, *chosen, *rest)
    assert status == 0, error
    folder = tmp_path / "mine"
    assert not list(folder.glob("events.out*"))
    record = json.loads((folder / "checkpoints" / "00000004" / "state.json").read_text())
    assert set(record["parts"]) == {"callback Average", "callback EarlyStopping", "report"}
    first = json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])
    assert first["learning_rate"] < 1e-7  # at the end of the cycle


def test_a_run_goes_on_with_its_own_callbacks(run, tmp_path):
    assert run("train", *FAST, "callbacks=[default,average]")[0] == 0
    status, _, error = run("train", "resume=mine", "training.steps=6")
    assert status == 0, error
    record = json.loads((tmp_path / "mine" / "checkpoints" / "00000006" / "state.json").read_text())
    assert "callback Average" in record["parts"]
