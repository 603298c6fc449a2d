"""Training: what a step does, what callbacks see, which targets can be trained."""

import pytest
import torch
from torch.testing import assert_close
from torch.utils.data import TensorDataset
from training_runs import ADAMW, FACTORIES, Recorder, blobs, fit, short, space

from hypernas import SearchSpace, generators
from hypernas.data import Data
from hypernas.distributed.device import pick_device
from hypernas.evaluation import evaluate
from hypernas.exports import export_file
from hypernas.objectives import CrossEntropy, InPlaceDistillation
from hypernas.sampling import Fixed, Uniform
from hypernas.training import Training
from hypernas.training.callbacks import Validation
from hypernas.training.optimizer import Groups


@pytest.mark.parametrize("factory", FACTORIES)
def test_training_makes_the_subnets_it_trains_good(factory):
    sampler = Fixed(architectures=["largest", "smallest"])
    recorder = Recorder()
    fit(factory(space()), sampler=sampler, callbacks=[recorder, Validation(every=30)])
    subnets = recorder.validations[30]
    assert subnets["largest"][1]["accuracy"] > 0.9
    assert subnets["smallest"][1]["accuracy"] > 0.9


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


def test_decay_and_learning_rate_follow_the_generators_groups():
    generator = generators.mip_hypernetwork(space(), network_lr_scale=0.1)
    groups = Groups(generator, ADAMW)
    groups.set_lr(0.5)
    by_size = {
        sum(p.numel() for p in group["params"]): (group["lr"], group["weight_decay"])
        for group in groups.optimizer.param_groups
    }
    network = sum(p.numel() for p in generator.network.parameters())
    matrices = sum(p.numel() for p in generator.theta_0.parameters() if p.dim() > 1)
    assert by_size[network] == (pytest.approx(0.0005), 0.0)
    assert by_size[matrices] == (pytest.approx(0.005), 0.01)
    assert groups.lr == pytest.approx(0.005)


def test_callbacks_see_every_step_every_report_and_the_end():
    recorder = Recorder()
    validation = Validation(every=10, num_subnets=3)
    training = short(20, log_every=5)
    final = fit(generators.shared(space()), training, callbacks=[recorder, validation])
    assert recorder.began == (0, 20)
    assert list(recorder.losses) == list(range(1, 21))
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
    fit(
        factory(space()), sampler=sampler, callbacks=[recorder, Validation(every=30)], device="cuda"
    )
    assert recorder.validations[30]["largest"][1]["accuracy"] > 0.9


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
    final = fit(generator, short(2), data=data, sampler=Uniform())
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


def test_buffers_that_a_target_changes_are_kept():
    generator = generators.shared(SearchSpace({"a": [1]}, lambda _: Counting()))
    for _ in range(3):
        generator.train().call({"a": 1}, torch.zeros(1, 2))
    assert generator.export({"a": 1}).calls == 3
