import math
import shutil
import signal
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close
from torch.utils.data import TensorDataset

from hypernas import SearchSpace, checkpoint, generators
from hypernas.checkpoint import CheckpointError
from hypernas.data import Data, split_tensors
from hypernas.device import pick_device
from hypernas.evaluation import evaluate
from hypernas.exporting import export_file
from hypernas.interruption import Interrupted
from hypernas.monitors import Monitor
from hypernas.objectives import CrossEntropy, InPlaceDistillation
from hypernas.optimization import Groups
from hypernas.sampling import Fixed, Sandwich, Uniform
from hypernas.spaces import mlp
from hypernas.training import Diverged, Training
from hypernas.training.schedule import lr_factor

FACTORIES = [
    generators.shared,
    generators.mos_layer,
    generators.mos_neuron,
    generators.hypernas,
    generators.Standalone,
]
ADAMW = partial(torch.optim.AdamW, lr=0.01, weight_decay=0.01)


def blobs() -> Data:
    """Three well separated clusters in the plane."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 3
    centres = torch.tensor([[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]])
    inputs = centres[labels] + 0.3 * torch.randn(240, 2, generator=rng)
    parts = split_tensors(inputs, labels, (160, 40, 40), seed=0)
    return Data("blobs", *parts, input_shape=(2,), num_classes=3)


def space(norm: str = "batch"):
    return mlp(input_shape=(2,), num_classes=3, depths=(1, 2), widths=(8, 16), norm=norm)


def fit(generator, training=None, **changes):
    settings = {
        "sampler": Sandwich(num_random=1),
        "objective": CrossEntropy(),
        "optimizer": ADAMW,
        "device": "cpu",
        **changes,
    }
    training = training or Training(steps=30, batch_size=32, validate_every=30)
    return training.run(generator, blobs(), **settings)


class Recorder(Monitor):
    def __init__(self):
        self.steps, self.validations, self.ended = {}, {}, 0

    def begin(self, *, step, steps):
        self.began = step, steps

    def step(self, step, values):
        self.steps[step] = dict(values)

    def validation(self, step, subnets, generator):
        self.validations[step] = subnets

    def end(self, final):
        self.ended += 1
        self.final = final


@pytest.mark.parametrize("factory", FACTORIES)
def test_training_makes_the_subnets_it_trains_good(factory):
    sampler = Fixed(architectures=["largest", "smallest"])
    recorder = Recorder()
    fit(factory(space()), sampler=sampler, monitors=[recorder])
    subnets = recorder.validations[30]
    assert subnets["largest"][1]["accuracy"] > 0.9
    assert subnets["smallest"][1]["accuracy"] > 0.9


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_resumed_run_equals_one_that_never_stopped(factory, tmp_path):
    training = Training(steps=12, batch_size=32, checkpoint_every=5, validate_every=100)
    whole, stopped, resumed = (factory(space()) for _ in range(3))
    fit(whole, training)

    class Stop(Exception):
        pass

    class Stopper(Recorder):
        def step(self, step, values):
            if step == 8:
                raise Stop

    logged = Training(steps=12, batch_size=32, checkpoint_every=5, validate_every=100, log_every=1)
    with pytest.raises(Stop):
        fit(stopped, logged, folder=tmp_path, monitors=[Stopper()])
    assert checkpoint.newest(tmp_path).step == 5
    fit(resumed, training, folder=tmp_path, resume=True)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


def test_a_finished_run_can_be_resumed_and_does_nothing(tmp_path):
    training = Training(steps=4, batch_size=32)
    first, second = generators.shared(space()), generators.shared(space(), seed=1)
    fit(first, training, folder=tmp_path)
    fit(second, training, folder=tmp_path, resume=True)
    assert_close(second.state_dict(), first.state_dict(), rtol=0, atol=0)


def backward(generator, architectures, combine, objective=None):
    generator.zero_grad()
    generator.train()
    batch = next(iter(torch.utils.data.DataLoader(blobs().train, batch_size=32)))
    training = Training(combine=combine)
    training.backward(generator, architectures, batch, objective or CrossEntropy())
    return [
        torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in generator.parameters()
    ]


@pytest.mark.parametrize("factory", [generators.shared, generators.hypernas])
def test_a_step_adds_up_the_gradients_of_its_architectures(factory):
    generator = factory(space("layer"))
    architectures = [generator.space.largest(), generator.space.smallest()]
    singles = [backward(generator, [a], "sum") for a in architectures]
    total = [a + b for a, b in zip(*singles, strict=True)]
    assert_close(backward(generator, architectures, "sum"), total)
    assert_close(backward(generator, architectures, "mean"), [g / 2 for g in total])


def test_students_send_no_gradient_to_their_teacher():
    generator = generators.Standalone(space("layer"))
    architectures = [generator.space.largest(), generator.space.smallest()]
    backward(generator, architectures, "sum", InPlaceDistillation())  # parameters come to life
    together = backward(generator, architectures, "sum", InPlaceDistillation())
    alone = backward(generator, architectures[:1], "sum", CrossEntropy())
    num = len(list(generator.subnets[0].parameters()))
    assert_close(together[:num], alone[:num])
    labels_only = backward(generator, architectures, "sum", CrossEntropy())
    assert not torch.allclose(together[num], labels_only[num])


def test_the_learning_rate_rises_to_its_peak_and_falls_along_a_cosine():
    factors = [lr_factor(step, 100, warmup=0.1, final_lr=0.2) for step in range(1, 101)]
    assert_close(factors[:10], [0.1 * i for i in range(1, 11)])
    assert all(a > b for a, b in pairwise(factors[9:]))
    middle = 0.2 + 0.8 * (1 + math.cos(math.pi * 45 / 91)) / 2
    assert_close(factors[54], middle)
    assert 0.2 < factors[-1] < 0.202


def test_decay_and_learning_rate_follow_the_generators_groups():
    generator = generators.hypernas(space(), coefficient_lr_scale=0.1)
    groups = Groups(generator, ADAMW)
    groups.set_lr(0.5)
    by_size = {
        sum(p.numel() for p in group["params"]): (group["lr"], group["weight_decay"])
        for group in groups.optimizer.param_groups
    }
    source = sum(p.numel() for p in generator.source.parameters())
    matrices = sum(p.numel() for p in generator.bank.parameters() if p.dim() > 2)
    assert by_size[source] == (pytest.approx(0.0005), 0.0)
    assert by_size[matrices] == (pytest.approx(0.005), 0.01)
    assert groups.lr == pytest.approx(0.005)


def test_monitors_hear_of_every_report_and_of_the_end():
    recorder = Recorder()
    training = Training(steps=20, batch_size=32, log_every=5, validate_every=10, num_validation=3)
    final = fit(generators.shared(space()), training, monitors=[recorder])
    assert recorder.began == (0, 20)
    assert list(recorder.steps) == [5, 10, 15, 20]
    assert {"loss", "gradient_norm", "learning_rate"} <= set(recorder.steps[5])
    assert list(recorder.validations) == [10, 20]
    assert list(recorder.validations[20]) == [
        "smallest",
        "largest",
        "random_0",
        "random_1",
        "random_2",
    ]
    assert recorder.final == final
    assert recorder.ended == 1


def test_divergence_is_an_error_that_keeps_earlier_checkpoints(tmp_path):
    training = Training(steps=20, batch_size=32, log_every=1, checkpoint_every=2, warmup=0.0)
    recorder = Recorder()

    class Poison(CrossEntropy):
        calls = 0

        def loss(self, outputs, targets, teacher=None):
            Poison.calls += 1
            return super().loss(outputs, targets) * (math.nan if Poison.calls > 9 else 1)

    with pytest.raises(Diverged, match=r"lower optimizer\.lr"):
        fit(
            generators.shared(space()),
            training,
            objective=Poison(),
            sampler=Uniform(num=3),
            folder=tmp_path,
            monitors=[recorder],
        )
    assert checkpoint.newest(tmp_path).step == 2
    assert recorder.ended == 1


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_failed_save_leaves_the_earlier_checkpoint(factory, tmp_path, monkeypatch):
    generator = factory(space())
    fit(generator, Training(steps=2, batch_size=32), folder=tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(CheckpointError, match=r"could not be written.*No space left"):
        checkpoint.save(
            tmp_path, step=3, generator=generator, optimizer=Groups(generator, ADAMW).optimizer
        )
    assert [p.name for p in tmp_path.iterdir()] == ["00000002"]
    checkpoint.load(checkpoint.newest(tmp_path), generator=factory(space()))


def test_only_the_newest_two_checkpoints_are_kept(tmp_path):
    fit(
        generators.shared(space()),
        Training(steps=9, batch_size=32, checkpoint_every=2),
        folder=tmp_path,
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00000008", "00000009"]


def test_a_checkpoint_of_another_space_is_refused_by_choice(tmp_path):
    fit(generators.shared(space()), Training(steps=1, batch_size=32), folder=tmp_path)
    other = mlp(input_shape=(2,), num_classes=3, depths=(1, 2), widths=(8, 24))
    with pytest.raises(CheckpointError, match=r"width_0: \[8, 16\].* \[8, 24\]"):
        checkpoint.load(checkpoint.newest(tmp_path), generator=generators.shared(other))


def test_a_checkpoint_of_another_generator_is_refused_and_nothing_changes(tmp_path):
    fit(generators.shared(space()), Training(steps=1, batch_size=32), folder=tmp_path)
    other = generators.mos_layer(space())
    before = {name: t.clone() for name, t in other.state_dict().items()}
    with pytest.raises(CheckpointError, match="another generator's parameters"):
        checkpoint.load(checkpoint.newest(tmp_path), generator=other)
    assert_close(other.state_dict(), before, rtol=0, atol=0)


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path):
    fit(generators.shared(space()), Training(steps=1, batch_size=32), folder=tmp_path)
    newest = checkpoint.newest(tmp_path)
    path = newest.folder / "state.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="00000001 cannot be read"):
        checkpoint.load(newest, generator=generators.shared(space()))


def test_an_empty_folder_has_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        checkpoint.newest(tmp_path)


def test_impossible_settings_are_refused_all_at_once():
    with pytest.raises(ValueError, match=r"(?s)steps: .*combine: .*precision: ") as refused:
        Training(steps=0, combine="product", precision="half")
    assert "batch_size" not in str(refused.value)


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(ValueError, match=device):
        pick_device(device)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("factory", FACTORIES)
def test_training_on_a_gpu_in_mixed_precision_learns_too(factory):
    recorder = Recorder()
    sampler = Fixed(architectures=["largest", "smallest"])
    fit(factory(space()), sampler=sampler, monitors=[recorder], device="cuda")
    assert recorder.validations[30]["largest"][1]["accuracy"] > 0.9


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
    settings = {
        "sampler": Sandwich(num_random=1),
        "objective": CrossEntropy(),
        "optimizer": ADAMW,
        "device": "cpu",
    }
    whole, resumed = (generators.mos_neuron(space("layer")) for _ in range(2))
    training = Training(steps=6, batch_size=32, warmup=0, checkpoint_every=3, validate_every=100)
    training.run(whole, data, folder=tmp_path, **settings)
    shutil.rmtree(tmp_path / "00000006")
    training.run(resumed, data, folder=tmp_path, resume=True, **settings)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


def test_a_resumed_run_takes_the_optimizers_new_options(tmp_path):
    generator = generators.shared(space())
    fit(generator, Training(steps=1, batch_size=32), folder=tmp_path)
    again = generators.shared(space())
    state = checkpoint.load(checkpoint.newest(tmp_path), generator=again)
    groups = Groups(again, partial(torch.optim.AdamW, lr=0.01, weight_decay=0.5))
    state.restore_optimizer(groups.optimizer)
    assert groups.optimizer.param_groups[0]["weight_decay"] == 0.5
    assert all("exp_avg" in entry for entry in groups.optimizer.state.values())


class TwoInputs(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.second = torch.nn.Linear(2, width), torch.nn.Linear(2, width)
        self.head = torch.nn.Linear(width, 3)

    def forward(self, x, y):
        return self.head((self.first(x) + self.second(y)).relu())


def test_a_target_of_several_inputs_trains_and_is_evaluated(tmp_path):
    split = TensorDataset(torch.randn(64, 2), torch.randn(64, 2), torch.arange(64) % 3)
    data = Data("pairs", split, split, split, input_shape=(2,), num_classes=3)
    pairs = SearchSpace({"width": [4, 8]}, lambda a: TwoInputs(a["width"]))
    generator = generators.hypernas(pairs)
    final = Training(steps=2, batch_size=32).run(
        generator,
        data,
        sampler=Uniform(),
        objective=CrossEntropy(),
        optimizer=ADAMW,
        device="cpu",
    )
    assert 0 <= final["accuracy"] <= 1
    rows = evaluate(generator, data, {"largest": pairs.largest()}, objective=CrossEntropy())
    assert [row.flops for row in rows] == [2 * (2 * 8 + 2 * 8 + 8 * 3)]
    inputs = data.example(num=4)
    assert (
        export_file(generator, pairs.largest(), tmp_path / "a.onnx", inputs=inputs).difference
        < 1e-4
    )


class Counting(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return self.layer(x)


def test_a_target_that_changes_buffers_of_its_own_is_told_that_they_are_lost():
    generator = generators.shared(SearchSpace({"a": [1]}, lambda _: Counting()))
    with pytest.warns(UserWarning, match=r"changes its buffers \['calls'\]"):
        generator.train().call({"a": 1}, torch.zeros(1, 2))


@pytest.mark.parametrize("late", [False, True])
def test_a_run_that_is_asked_to_stop_saves_the_step_it_stops_after(tmp_path, late):
    class Asker(Recorder):
        def step(self, step, values):
            if step == 3 and not late:
                signal.raise_signal(signal.SIGINT)

        def validation(self, step, subnets, generator):
            if step == 3 and late:
                signal.raise_signal(signal.SIGINT)

    training = Training(steps=50, batch_size=32, log_every=1, validate_every=3)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match="stopped after step 4 of 50"):
        fit(generators.shared(space()), training, folder=tmp_path, monitors=[Asker()])
    assert checkpoint.newest(tmp_path).step == 4
    assert signal.getsignal(signal.SIGINT) is before
