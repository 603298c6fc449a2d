"""What is kept of a run, and going on from it."""

import math
import shutil
import signal
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.testing import assert_close
from training_runs import ADAMW, FACTORIES, Recorder, blobs, fit, short, space

from hypernas import generators
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform
from hypernas.schedules import Cosine
from hypernas.spaces import mlp
from hypernas.training import Diverged, Interrupted, Stepped, Validated, checkpoint
from hypernas.training.callbacks import Checkpoints, Validation
from hypernas.training.checkpoint import CheckpointError
from hypernas.training.optimizer import Groups


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_resumed_run_equals_one_that_never_stopped(factory, tmp_path):
    training, saves = short(12), Checkpoints(tmp_path, every=5)
    whole, stopped, resumed = (factory(space()) for _ in range(3))
    fit(whole, training)

    class Stop(Exception):
        pass

    def stop(run, event):
        if isinstance(event, Stepped) and event.step == 8:
            raise Stop

    with pytest.raises(Stop):
        fit(stopped, training, callbacks=[saves, stop])
    assert checkpoint.newest(tmp_path).step == 5
    fit(resumed, training, callbacks=[saves], resume=tmp_path)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


def test_a_finished_run_can_be_resumed_and_does_nothing(tmp_path):
    first, second = generators.shared(space()), generators.shared(space(), seed=1)
    fit(first, short(4), callbacks=[Checkpoints(tmp_path)])
    fit(second, short(4), resume=tmp_path)
    assert_close(second.state_dict(), first.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("factory", FACTORIES)
def test_saving_before_the_first_step_moves_nothing_and_going_on_from_it_is_exact(
    factory, tmp_path
):
    whole, kept, resumed = (factory(space()) for _ in range(3))
    before = {name: tensor.clone() for name, tensor in kept.state_dict().items()}
    optimizer = Groups(kept, ADAMW).optimizer
    checkpoint.save(tmp_path, step=0, generator=kept, optimizer=optimizer)
    assert not optimizer.state
    assert_close(kept.state_dict(), before, rtol=0, atol=0)
    with torch.no_grad():
        for parameter in resumed.parameters():
            parameter.zero_()
    fit(whole, short(3))
    fit(resumed, short(3), resume=tmp_path)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


class Listed(torch.utils.data.Dataset):
    """A data set that is not tensors."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.dataset[index]


def test_resuming_is_exact_with_dropout_and_any_data_set(tmp_path):
    data = replace(blobs(), train=Listed(blobs().train))
    whole, resumed = (generators.mos_neuron(space("layer")) for _ in range(2))
    saves = Checkpoints(tmp_path, every=3)
    fit(whole, short(6), data=data, schedule=Cosine(warmup=0), callbacks=[saves])
    shutil.rmtree(tmp_path / "00000006")
    fit(resumed, short(6), data=data, schedule=Cosine(warmup=0), callbacks=[], resume=tmp_path)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


def test_a_resumed_run_takes_the_optimizers_new_options(tmp_path):
    generator = generators.shared(space())
    fit(generator, short(1), callbacks=[Checkpoints(tmp_path)])
    again = generators.shared(space())
    state = checkpoint.load(checkpoint.newest(tmp_path), generator=again)
    groups = Groups(again, partial(torch.optim.AdamW, lr=0.01, weight_decay=0.5))
    state.restore_optimizer(groups.optimizer)
    assert groups.optimizer.param_groups[0]["weight_decay"] == 0.5
    assert all("exp_avg" in entry for entry in groups.optimizer.state.values())


@pytest.mark.parametrize("late", [False, True])
def test_a_run_that_is_asked_to_stop_saves_the_step_it_stops_after(tmp_path, late):
    def ask(run, event):
        if isinstance(event, Validated if late else Stepped) and event.step == 3:
            signal.raise_signal(signal.SIGINT)

    callbacks = [Checkpoints(tmp_path), Validation(every=3), ask]
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match="stopped after step 4 of 50"):
        fit(generators.shared(space()), short(50), callbacks=callbacks)
    assert checkpoint.newest(tmp_path).step == 4
    assert signal.getsignal(signal.SIGINT) is before


def test_divergence_is_an_error_that_keeps_earlier_checkpoints(tmp_path):
    recorder = Recorder()

    class Poison(CrossEntropy):
        calls = 0

        def loss(self, outputs, targets, teacher=None):
            Poison.calls += 1
            return super().loss(outputs, targets) * (math.nan if Poison.calls > 9 else 1)

    with pytest.raises(Diverged, match=r"lower optimizer\.lr"):
        fit(
            generators.shared(space()),
            short(20, log_every=1),
            objective=Poison(),
            sampler=Uniform(num=3),
            schedule=Cosine(warmup=0.0),
            callbacks=[recorder, Checkpoints(tmp_path, every=2)],
        )
    assert checkpoint.newest(tmp_path).step == 2
    assert recorder.ended == 1


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_failed_save_leaves_the_earlier_checkpoint(factory, tmp_path, monkeypatch):
    generator = factory(space())
    fit(generator, short(2), callbacks=[Checkpoints(tmp_path)])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_tensors", full)
    with pytest.raises(CheckpointError, match=r"could not be written.*No space left"):
        checkpoint.save(
            tmp_path, step=3, generator=generator, optimizer=Groups(generator, ADAMW).optimizer
        )
    assert [p.name for p in tmp_path.iterdir()] == ["00000002"]
    checkpoint.load(checkpoint.newest(tmp_path), generator=factory(space()))


def test_only_the_newest_two_checkpoints_are_kept(tmp_path):
    fit(generators.shared(space()), short(9), callbacks=[Checkpoints(tmp_path, every=2)])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00000008", "00000009"]


def test_a_checkpoint_of_another_space_is_refused_by_choice(tmp_path):
    fit(generators.shared(space()), short(1), callbacks=[Checkpoints(tmp_path)])
    other = mlp(input_shape=(2,), num_classes=3, depths=(1, 2), widths=(8, 24))
    with pytest.raises(CheckpointError, match=r"width_0: \[8, 16\].* \[8, 24\]"):
        checkpoint.load(checkpoint.newest(tmp_path), generator=generators.shared(other))


def test_a_checkpoint_of_another_generator_is_refused_and_nothing_changes(tmp_path):
    fit(generators.shared(space()), short(1), callbacks=[Checkpoints(tmp_path)])
    other = generators.mos_layer(space())
    before = {name: t.clone() for name, t in other.state_dict().items()}
    with pytest.raises(CheckpointError, match="another generator's parameters"):
        checkpoint.load(checkpoint.newest(tmp_path), generator=other)
    assert_close(other.state_dict(), before, rtol=0, atol=0)


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path):
    fit(generators.shared(space()), short(1), callbacks=[Checkpoints(tmp_path)])
    newest = checkpoint.newest(tmp_path)
    path = newest.folder / "state.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(
        CheckpointError, match=r"(?s)00000001 was altered .*safetensors: has 100 bytes"
    ):
        checkpoint.load(newest, generator=generators.shared(space()))


def test_an_empty_folder_has_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        checkpoint.newest(tmp_path)
