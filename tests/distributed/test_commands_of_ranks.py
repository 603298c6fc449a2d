"""`torchrun ... hypernas train`."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import patience
import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from hypernas.cli import main as command
from hypernas.storage.seal import read_sealed
from hypernas.training import checkpoint

OWN = """
import os
import time
from torch import distributed
from hypernas.objectives import CrossEntropy

leave = distributed.destroy_process_group


def leave_slowly():  # so that what torchrun sends to the rank that is left arrives before its message
    time.sleep(1)
    leave()


distributed.destroy_process_group = leave_slowly


class Mortal(CrossEntropy):
    calls = 0

    def loss(self, outputs, targets, teacher=None):
        self.calls += 1
        if os.environ.get("RANK") == "1" and self.calls > 5:
            os._exit(7)
        return super().loss(outputs, targets, teacher)
"""
LEAVING = """
import weakref
from functools import partial
import torch
from torch import distributed
from hypernas.distributed import join

with join() as ranks:
    group = weakref.ref(distributed.group.WORLD)
    parameter = torch.nn.Parameter(torch.ones(3))
    plain = partial(torch.optim.AdamW, lr=0.1)
    for make in (plain, ranks.shard(plain)):
        parameter.grad = torch.ones(3)
        make([{"params": [parameter]}]).step()
    assert group() is not None
print(group())
"""
FAST = ["experiment=fast", "training.steps=6", "callbacks.checkpoints.every=2", "device=cpu"]


def addresses() -> list[dict[str, str]]:
    """The environment of each of two ranks that no launcher starts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    return [{"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", **address} for rank in ("0", "1")]


@pytest.fixture
def process(tmp_path):
    """Starts commands in the test's folder; what still runs when the test ends, however it does, is ended."""
    started = []

    def start(command: list[str], **variables: str) -> subprocess.Popen[str]:
        root = str(Path(__file__).parents[2])
        environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", **variables}
        pipe = subprocess.PIPE
        started.append(
            subprocess.Popen(
                command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True
            )
        )
        return started[-1]

    yield start
    for running in started:
        if running.poll() is None:
            running.terminate()  # which `torchrun` passes on to its ranks
            running.communicate(timeout=patience.SECONDS)


@pytest.fixture
def torchrun(process):
    def start(*arguments: str) -> subprocess.Popen[str]:
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        launcher += ["--nproc-per-node", "2", "-m", "hypernas.cli.main"]
        return process([*launcher, *arguments])

    return start


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["train", "--multirun"], "a sweep has one process"), (["evaluate"], "runs in one process")],
)
def test_what_ranks_cannot_do_together_is_refused(monkeypatch, capsys, arguments, words):
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["hypernas", *arguments])
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 2
    assert re.search(f"hypernas: rank 1: .*{words}", capsys.readouterr().err)


def test_ranks_that_are_told_different_things_are_refused_before_they_train(tmp_path, process):
    started = []
    for own, rate in zip(addresses(), ("0.01", "0.5"), strict=True):
        arguments = ["train", *FAST, f"optimizer.lr={rate}", "hydra.run.dir=unlike"]
        command = [sys.executable, "-m", "hypernas.cli.main", *arguments]
        started.append(process(command, **own))
    for rank in started:
        _, error = rank.communicate(timeout=patience.SECONDS)
        assert rank.returncode == 2
        assert "optimizer.lr: [0.01, 0.5]" in error
    assert not (tmp_path / "unlike").exists()


def test_nothing_keeps_the_group_once_it_is_left(tmp_path, process):
    """What keeps it keeps its threads, and those abort some of the processes that end while they run."""
    (tmp_path / "leaving.py").write_text(LEAVING)
    for rank in [process([sys.executable, "leaving.py"], **own) for own in addresses()]:
        out, error = rank.communicate(timeout=patience.SECONDS)
        assert rank.returncode == 0, error
        assert out == "None\n"


@pytest.mark.parametrize("shard_banks", ["false", "true"])
def test_a_rank_that_is_killed_ends_the_others_with_a_message(tmp_path, torchrun, shard_banks):
    (tmp_path / "own.py").write_text(OWN)
    mortal = ["objective._target_=own.Mortal", "sampling=sandwich", "hydra.run.dir=killed"]
    mortal += [f"training.shard_banks={shard_banks}"]
    launched = torchrun("train", *FAST, *mortal)
    _, error = launched.communicate(timeout=patience.SECONDS)
    assert launched.returncode != 0
    assert "hypernas: another rank ended" in error, error
    assert checkpoint.newest(tmp_path / "killed" / "checkpoints").step == 2


def saved(folder: Path) -> list[Path]:
    return list(folder.glob("runs/*/*/checkpoints/00*"))


def test_the_command_trains_in_one_folder_and_saves_when_it_is_asked_to_stop(tmp_path, torchrun):
    launched = torchrun("train", *FAST, "training.steps=100000", "training.log_every=2")
    # No `**`: it would walk into a checkpoint that is renamed at that moment.
    patience.until(lambda: launched.poll() is not None or saved(tmp_path))
    launched.send_signal(signal.SIGTERM)
    _, error = launched.communicate(timeout=patience.SECONDS)
    (stopped,) = re.findall(r"hypernas: stopped after step (\d+) of 100000", error)
    (lines,) = tmp_path.rglob("metrics.jsonl")
    assert checkpoint.newest(lines.parent / "checkpoints").step == int(stopped)
    steps = [json.loads(line)["step"] for line in lines.read_text().splitlines()]
    assert len(set(steps)) == len(steps)  # one rank writes
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_ranks_divide_the_modules_that_are_incubated_and_train_the_rest_together(
    tmp_path, torchrun, monkeypatch
):
    more = ["space=mlp", "space.widths=[8]", "space.depths=[2,3]", "space.norm=none"]
    more += ["growth=incubate", "members=[{depth: 2, width_0: 8, width_1: 8}]", "stage_steps=2"]
    more += ["to=largest", "member_training.steps=2", "training.steps=2", "device=cpu", "threads=1"]
    launched = torchrun("grow", *more, "hydra.run.dir=ranks")
    arguments = ["hypernas", "grow", *more, f"hydra.run.dir={tmp_path / 'one'}"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", arguments)
    command.main()
    out, error = launched.communicate(timeout=patience.SECONDS)
    assert launched.returncode == 0, error
    assert out.count("hypernas export") == 1  # by rank 0
    phases = read_sealed(tmp_path / "ranks" / "phases.json")["phases"]
    assert [phase["name"] for phase in phases] == ["member_0", "stage_0", "stage_1", "grown"]
    for phase in phases:
        found, expected = (
            load_file(tmp_path / by / phase["name"] / "checkpoints" / "00000002" / "state.safetensors")
            for by in ("ranks", "one")
        )  # fmt: skip
        weights = [name for name in expected if name.startswith("generator.")]
        assert len(weights) >= 4
        for name in weights:
            assert_close(found[name], expected[name], rtol=0, atol=1e-5)
