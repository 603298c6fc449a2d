"""Weights & Biases and MLflow, offline: what was written is read again."""

import json
import time

import pytest
from training_runs import Recorder, fit, short, space

from hypernas import generators
from hypernas.training import Record
from hypernas.training.callbacks import Checkpoints, Validation

SETTINGS = {"optimizer.lr": 0.01, "generator": "shared"}


def trained(callback, folder, *, steps=4, resume=None):
    recorder = Recorder()
    final = fit(
        generators.shared(space()),
        short(steps, log_every=2),
        callbacks=[recorder, callback, Validation(every=100, num_subnets=0), Checkpoints()],
        record=Record(folder, SETTINGS),
        resume=resume,
    )
    return recorder, final


@pytest.fixture
def wandb(monkeypatch):
    package = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    return package


def records(log):
    """The records of a log in the format of LevelDB: blocks of 32 KiB of checked fragments."""
    position, record = 7, b""  # after the file's own header
    while position + 7 <= len(log):
        left = 2**15 - position % 2**15
        if left < 7:  # no fragment begins there
            position += left
            continue
        size = int.from_bytes(log[position + 4 : position + 6], "little")
        if position + 7 + size > len(log):
            return  # not written to its end yet
        kind = log[position + 6]  # 1 whole, 2 first, 3 middle, 4 last
        record += log[position + 7 : position + 7 + size]
        position += 7 + size
        if kind in (1, 4):
            yield record
            record = b""


def written(folder):
    """What an offline run of Weights & Biases holds: settings, and rows of its history."""
    from wandb.proto import wandb_internal_pb2

    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    found, waits = [], 0
    while not found or found[-1].WhichOneof("record_type") != "exit":
        waits += 1  # for another process, which writes
        assert waits < 3000, "the run was never written to its end"
        time.sleep(0.1)
        found = [wandb_internal_pb2.Record.FromString(data) for data in records(path.read_bytes())]
    settings, rows = {}, []
    for record in found:
        for told in (record.run.config, record.config):  # all at once, or as they come
            settings |= {
                c.key or "/".join(c.nested_key): json.loads(c.value_json) for c in told.update
            }
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items})
    return settings, rows


@pytest.mark.filterwarnings("default")  # of that package's own code
def test_weights_and_biases_holds_every_figure_offline(tmp_path, wandb):
    from hypernas.training.callbacks.wandb import WandB

    recorder, _ = trained(WandB(project="tests"), tmp_path)
    settings, rows = written(tmp_path)
    assert SETTINGS.items() <= settings.items()
    losses = {row["_step"]: row["train/loss"] for row in rows if "train/loss" in row}
    assert losses == {step: values["loss"] for step, values in recorder.steps.items()}
    (validated,) = [row for row in rows if "validation/accuracy/largest" in row]
    assert validated["_step"] == 4
    measures = recorder.validations[4]["largest"][1]
    assert validated["validation/accuracy/largest"] == measures["accuracy"]


@pytest.fixture
def client(monkeypatch, tmp_path):
    package = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return package.MlflowClient(tracking_uri=str(tmp_path / "store"))


@pytest.mark.filterwarnings("default")
def test_mlflow_holds_every_figure_and_a_resumed_run_goes_on_with_its_record(tmp_path, client):
    from hypernas.training.callbacks.mlflow import MLflow

    def callback():
        return MLflow(uri=str(tmp_path / "store"), experiment="tests", name="one")

    recorder, _ = trained(callback(), tmp_path)
    later, final = trained(callback(), tmp_path, steps=8, resume=tmp_path / "checkpoints")
    experiment = client.get_experiment_by_name("tests")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "one"
    assert run.data.params == {name: str(value) for name, value in SETTINGS.items()}
    history = client.get_metric_history(run.info.run_id, "train/loss")
    expected = {**recorder.steps, **later.steps}
    assert {m.step: m.value for m in history} == {s: v["loss"] for s, v in expected.items()}
    largest = later.validations[8]["largest"][1]["accuracy"]
    assert run.data.metrics["validation/accuracy/largest"] == largest
    assert run.data.metrics["final/accuracy"] == final["accuracy"]
