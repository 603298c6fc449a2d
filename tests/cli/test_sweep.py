"""Sweeps: a failing job stops no other, and the same sweep again does what is left."""

import signal
from pathlib import Path

import pytest

from hypernas.storage.seal import read_sealed
from hypernas.training import Stepped, checkpoint

FAST = [
    *("train", "--multirun", "space=mlp", "training.steps=2", "device=cpu", "threads=1"),
    *("hydra.sweep.dir=sweep", "callbacks.validation.num_subnets=0", "~callbacks.tensorboard"),
]
LAUNCHERS = {
    "joblib": ["hydra.launcher.n_jobs=1"],
    "submitit_local": ["hydra.launcher.timeout_min=5", "hydra.launcher.cpus_per_task=1"],
}


def states() -> list[str]:
    return sorted(read_sealed(path)["state"] for path in Path("sweep").glob("*/job.json"))


def times() -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in Path("sweep").rglob("metrics.jsonl")}


def test_a_failing_job_stops_no_other_and_finished_ones_are_not_done_again(run):
    command = [*FAST, "optimizer=sgd", "optimizer.lr=0.01,1e30", "training.steps=3"]
    status, out, told = run(*command)
    assert status == 2
    assert states() == ["failed", "finished"]
    assert "1 of 2 jobs of sweep are not finished" in told
    assert "diverged in step" in out
    assert "*" in out  # the best accuracy
    before = times()
    run(*command)
    after = times()
    assert sum(before[name] != after[name] for name in before) == 1  # the failed one, gone on with


@pytest.mark.filterwarnings("ignore")  # of the launchers
@pytest.mark.parametrize("launcher", list(LAUNCHERS))
def test_sweeps_of_other_launchers_end_with_the_same_states(run, launcher):
    command = [*FAST, "optimizer=sgd", "optimizer.lr=0.01,1e30", "training.steps=3"]
    status, _, told = run(*command, f"hydra/launcher={launcher}", *LAUNCHERS[launcher])
    assert status == 2
    assert states() == ["failed", "finished"]
    assert "1 of 2 jobs of sweep are not finished" in told


def test_a_job_that_was_begun_is_gone_on_with(run, monkeypatch):
    command = [*FAST, "seed=0,1", "callbacks.checkpoints.every=1", "training.steps=4"]

    def stop(self, run, event):
        if isinstance(event, Stepped) and event.step == 1 and not Path("stopped").exists():
            Path("stopped").touch()
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("hypernas.training.callbacks.Console.__call__", stop)
    assert run(*command)[0] == 143
    assert states() == ["begun, not finished"]
    assert run(*command)[0] == 0
    assert states() == ["finished", "finished"]
    assert {checkpoint.newest(folder).step for folder in Path("sweep").glob("*/checkpoints")} == {4}
    before = times()
    assert run(*command)[0] == 0
    assert times() == before
