"""Trouble in training: no numbers, no memory, no worker; and a step that is taken again."""

import gc
import multiprocessing
import os
import random
import re
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset
from training_runs import ADAMW, fit, short

from hypernas import generators
from hypernas.data import Data, WorkerLost
from hypernas.data.workers import Crew, note
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform
from hypernas.space import SearchSpace
from hypernas.training import Diverged, Record, Skipped, Stepped, Strategy, Task, train_steps
from hypernas.training.callbacks import Checkpoints, Skip
from hypernas.training.replay import replay
from hypernas.training.trouble import read


class Exponential(nn.Module):
    def forward(self, inputs):
        return inputs.exp()  # of 100 it is infinite


def build(architecture):
    layers = [nn.Linear(2, 2) for _ in range(architecture["depth"])]
    return nn.Sequential(nn.BatchNorm1d(2), Exponential(), nn.Dropout(0.1), *layers)


def overflowing(*, poisoned=True) -> Data:
    """Twenty examples, of which one makes the exponential of a module of one batch infinite."""
    inputs = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    if poisoned:
        inputs[7] = torch.inf
    split = TensorDataset(inputs, torch.arange(20) % 2)
    return Data("overflowing", split, split, split, input_shape=(2,), num_classes=2)


def begun(folder, steps=12, callbacks=(), **poisoned):
    space = SearchSpace({"depth": [1, 2]}, build)
    return short(steps, batch_size=4, log_every=5).begin(
        generators.shared(space),
        Task(overflowing(**poisoned), CrossEntropy()),
        Strategy(sampler=Uniform(num=2), optimizer=ADAMW),
        callbacks=callbacks,
        record=Record(folder),
        device="cpu",
    )


def copied(run):
    return {name: tensor.clone() for name, tensor in run.generator.state_dict().items()}


@pytest.fixture
def diverged(tmp_path):
    """A run that ended by a loss that is no number, its message, and its parameters before that step."""
    run, before = begun(tmp_path), {}

    def watch(run, event):
        if isinstance(event, Stepped):
            before.update(copied(run))

    run.callbacks = [watch]
    with pytest.raises(Diverged) as error:
        list(train_steps(run))
    return run, str(error.value), before


def test_parameters_do_not_follow_a_loss_that_is_no_number(diverged):
    run, told, before = diverged
    assert "in step " + str(run.step + 1) in told
    assert "hypernas replay" in told
    names = [name for name, _ in run.generator.named_parameters()]
    now = run.generator.state_dict()
    assert all(torch.equal(now[name], before[name]) for name in names)


def test_a_step_is_taken_again_with_the_losses_of_then_and_names_its_place(diverged, tmp_path):
    kept = read(tmp_path)
    again = replay(begun(tmp_path), kept)
    assert again.same
    assert again.step == kept.step == diverged[0].step + 1
    assert again.inputs == 2  # numbers of the poisoned example
    assert {one.where for one in again.passes} == {"inputs of 0 (BatchNorm1d)"}


def test_losses_that_are_numbers_again_are_told_as_others(tmp_path, diverged):
    kept = read(tmp_path)
    for tensor in kept.tensors.values():
        if tensor.is_floating_point():
            tensor.nan_to_num_(posinf=1.0, nan=1.0)
    again = replay(begun(tmp_path), kept)
    assert not again.same
    assert "was nan" in again.text()
    assert {one.where for one in again.passes} == {""}


def test_a_kept_step_that_was_altered_is_refused(tmp_path, diverged):
    (path,) = tmp_path.glob("trouble/step_*/batch.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="was altered since"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match="no trouble of step 99"):
        read(tmp_path, 99)


@pytest.mark.parametrize("name", ["batch.safetensors", "manifest.json"])
def test_no_bit_of_a_kept_step_can_be_flipped_in_silence(tmp_path, diverged, name):
    def plain():
        kept = read(tmp_path)
        tensors = {name: tensor.tolist() for name, tensor in kept.tensors.items()}
        return str([kept.step, kept.architectures, kept.losses, tensors, kept.checkpoint])

    (path,) = tmp_path.glob(f"trouble/step_*/{name}")
    whole, expected, drawn = path.read_bytes(), plain(), random.Random(0)
    for _ in range(40):
        content = bytearray(whole)
        content[drawn.randrange(len(whole))] ^= 1 << drawn.randrange(8)
        path.write_bytes(content)
        try:
            assert plain() == expected  # such as another space between two words
        except ValueError as error:
            told = str(error)
        else:
            told = "step_"
        assert "step_" in told


def test_steps_may_be_left_out_up_to_a_number(tmp_path):
    run = begun(tmp_path, callbacks=[Skip(2)])
    events = list(train_steps(run))
    left = [event.step for event in events if isinstance(event, Skipped)]
    assert len(left) == 2  # of three epochs but for the last steps, one each
    assert [event.step for event in events if isinstance(event, Stepped)] == list(range(1, 13))
    assert all(value.isfinite().all() for value in run.generator.state_dict().values())
    with pytest.raises(Diverged):
        list(train_steps(begun(tmp_path, callbacks=[Skip(1)])))


def test_a_run_without_trouble_is_the_same_with_and_without_skip(tmp_path):
    found = []
    for own in ([], [Skip()]):
        run = begun(tmp_path, callbacks=own, poisoned=False)
        list(train_steps(run))
        found.append(run.generator.state_dict())
    one, other = found
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_was_left_out_counts_on_after_a_resumed_run(tmp_path):
    list(train_steps(begun(tmp_path, 6, [Skip(1), Checkpoints()])))
    skip = Skip(1)
    run = short(12, batch_size=4).begin(
        begun(tmp_path).generator,
        Task(overflowing(), CrossEntropy()),
        Strategy(sampler=Uniform(num=2), optimizer=ADAMW),
        callbacks=[skip],
        record=Record(tmp_path),
        resume=tmp_path / "checkpoints",
        device="cpu",
    )
    assert skip.skipped == 1
    with pytest.raises(Diverged):
        list(train_steps(run))


class Failing(nn.Linear):
    def forward(self, inputs):
        raise torch.OutOfMemoryError("CUDA out of memory.")


def test_an_error_inside_a_module_names_architecture_layer_and_step():
    def built(architecture):
        width = architecture["width"]
        layer = nn.Linear if width == 4 else Failing
        return nn.Sequential(nn.Linear(2, width), layer(width, 2))

    space = SearchSpace({"width": [4, 8]}, built, layouts={"0.*": "...", "1.*": "..."})
    with pytest.raises(torch.OutOfMemoryError) as error:
        fit(generators.shared(space), short(20, batch_size=4), data=overflowing(poisoned=False))
    told = "\n".join(error.value.__notes__)
    assert "{'width': 8}, in its layer 1 (Failing)" in told
    assert "step 1: lower training.batch_size" in told


class Dying(Dataset):
    def __len__(self):
        return 20

    def __getitem__(self, i):
        if i == 7:
            print("the decoder gave up", file=sys.stderr)
            os._exit(3)
        return torch.zeros(2), 0


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("cut", [ConnectionResetError(104, "reset"), EOFError()], ids=repr)
def test_a_worker_that_is_gone_before_anybody_says_so_is_told_by_its_number(cut):
    """The connection to it ends while a batch is taken, and the process a moment later."""
    with pytest.raises(WorkerLost, match="data worker 0") as error:
        _cut_off(cut)
    assert "it was reading batch 3, examples 7" in str(error.value)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_torch_saying_so_while_it_is_waited_for_is_no_error_of_its_own(monkeypatch):
    def says(seconds):
        raise RuntimeError(
            f"DataLoader worker (pid {multiprocessing.active_children()[0].pid}) exited unexpectedly"
        )

    monkeypatch.setattr("hypernas.data.workers.time", SimpleNamespace(sleep=says))
    with pytest.raises(WorkerLost, match=r"data worker 0 .*reading batch 3"):
        _cut_off(EOFError())


def _cut_off(cut: Exception) -> None:
    ready = multiprocessing.Event()
    with Crew().hired(1) as begin:
        work = multiprocessing.get_context("fork").Process(target=_end_soon, args=(begin, ready))
        work.start()
        assert ready.wait(60)
        raise cut


def _end_soon(begin, ready) -> None:
    begin(0)
    note(3, [7])
    ready.set()
    time.sleep(0.5)
    os._exit(3)


def test_a_connection_that_ends_while_workers_live_is_not_theirs():
    with pytest.raises(ConnectionResetError), Crew().hired(1):
        raise ConnectionResetError(104, "reset")


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_worker_that_ends_is_told_by_its_number_with_what_it_read_and_said():
    data = Data("dying", *[Dying()] * 3, input_shape=(2,), num_classes=2)
    space = SearchSpace({"depth": [1, 2]}, build)
    with pytest.raises(WorkerLost, match=r"data worker 0 \(pid \d+\) ended") as error:
        fit(
            generators.shared(space),
            short(20, batch_size=4, num_workers=1),
            data=data,
            callbacks=[],
        )
    told = str(error.value)
    assert "the decoder gave up" in told
    assert "7" in re.search(r"reading batch \d, examples ([\d, ]+);", told)[1].split(", ")
    # Python's multiprocessing closes no socket to a process that was gone
    del error
    gc.collect()
