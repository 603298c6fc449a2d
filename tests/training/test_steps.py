"""Laws of a step: accumulation, clipping, weights of architectures, conditions."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.testing import assert_close
from torch.utils.data import TensorDataset
from training_runs import ADAMW, Recorder, blobs, fit, short, space

from hypernas import generators
from hypernas.conditions import BatchStatistics, InputColumn
from hypernas.data import Data
from hypernas.distributed import ProcessGroup, Replicated
from hypernas.evaluation import evaluate
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Fixed, Sandwich, Weighted
from hypernas.schedules import Constant
from hypernas.training import Strategy, Task, Training
from hypernas.training.callbacks import Checkpoints, Validation
from hypernas.training.gradients import add_gradients
from hypernas.training.optimizer import Groups
from hypernas.training.part import Part

SGD = partial(torch.optim.SGD, lr=0.1)


# --- accumulation ------------------------------------------------------------------------------


DETERMINISTIC = {  # draw nothing in training
    "shared": generators.shared,
    "hypernas": generators.hypernas,
    "balanced": partial(generators.mos_layer, balance=0.5, dropout=0.0),
    "mos_neuron": partial(generators.mos_neuron, dropout=0.0),
    "standalone": generators.Standalone,
    "mip_hypernetwork": generators.mip_hypernetwork,
}


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_two_batches_of_half_the_size_make_the_step_of_one(name):
    """Where losses are means and no norm looks at a batch."""
    options = {"callbacks": [], "optimizer": SGD, "schedule": Constant()}
    whole, halves = (DETERMINISTIC[name](space("layer")).double() for _ in range(2))
    data = doubled(blobs())
    fit(whole, Training(steps=2, batch_size=64), data=data, **options)
    fit(halves, Training(steps=2, batch_size=32, accumulate=2), data=data, **options)
    assert_close(halves.state_dict(), whole.state_dict())


def doubled(data: Data) -> Data:
    inputs, targets = data.train.tensors
    return replace(data, train=TensorDataset(inputs.double(), targets))


def test_a_resumed_run_that_accumulates_equals_one_that_never_stopped(tmp_path):
    training = short(6, accumulate=3)
    whole, resumed = (generators.mos_neuron(space()) for _ in range(2))
    fit(whole, training, callbacks=[Checkpoints(tmp_path, every=4)])
    assert [found.name for found in sorted(tmp_path.iterdir())] == ["00000004", "00000006"]
    (tmp_path / "00000006").rename(tmp_path / "late")
    fit(resumed, training, callbacks=[], resume=tmp_path)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


# --- clipping ----------------------------------------------------------------------------------


def clipped(bound):
    """Gradients before and after clipping, and the norm that is told."""
    generator = generators.hypernas(space("layer"))
    batch = blobs().train[:32]
    Training(combine="sum").backward(
        generator, [generator.space.largest(), generator.space.smallest()], batch, CrossEntropy()
    )
    before = gradient(generator)
    groups = Groups(generator, partial(torch.optim.SGD, lr=1.0))
    parameters = [p.detach().clone() for p in generator.parameters()]
    norm = groups.step(bound)
    moved = [a - b for a, b in zip(parameters, generator.parameters(), strict=True)]
    scales = [g["lr"] for g in groups.optimizer.param_groups]
    assert set(scales) == {1.0}  # so a step is the clipped gradient
    return before, torch.cat([m.flatten() for m in moved]), norm


def gradient(generator):
    return torch.cat(
        [
            (torch.zeros_like(p) if p.grad is None else p.grad).flatten()
            for p in generator.parameters()
        ]
    ).clone()


@pytest.mark.parametrize("bound", [1e-3, 0.1])
def test_a_clipped_gradient_has_the_norm_of_the_bound_and_its_old_direction(bound):
    before, after, norm = clipped(bound)
    assert before.norm() > bound
    assert_close(norm, before.norm())  # that before clipping is told
    assert_close(after.norm(), torch.tensor(bound), rtol=1e-3, atol=0)
    assert_close(torch.dot(after, before), after.norm() * before.norm(), rtol=1e-4, atol=0)


def test_without_a_bound_a_step_is_that_of_a_bound_far_away():
    (_, free, norm), (_, bounded, same) = clipped(None), clipped(1e12)
    assert_close(free, bounded, rtol=0, atol=0)
    assert_close(norm, same, rtol=0, atol=0)


def test_the_norm_that_a_run_tells_is_that_before_clipping():
    told = []
    for bound in (None, 1e-6):
        recorder = Recorder()
        fit(generators.shared(space()), short(1, max_grad_norm=bound), callbacks=[recorder])
        told.append(recorder.steps[1]["gradient_norm"])
    assert told[0] == told[1] > 1e-3


# --- architectures -----------------------------------------------------------------------------


def test_the_losses_of_a_step_are_told_by_architecture_and_their_mean_is_the_loss():
    recorder = Recorder()
    generator = generators.shared(space("layer"))
    alone = []
    for architecture in (generator.space.largest(), generator.space.smallest()):
        one = Recorder()
        sampler = Fixed(architectures=[architecture])
        fit(generators.shared(space("layer")), short(1), sampler=sampler, callbacks=[one])
        alone.append(one.losses[1][1])
    fit(generator, short(1), sampler=Sandwich(num_random=0), callbacks=[recorder])
    architectures, losses = recorder.losses[1]
    assert architectures == [generator.space.largest(), generator.space.smallest()]
    assert_close(losses, torch.cat(alone))
    assert recorder.steps[1]["loss"] == pytest.approx(float(losses.mean()))


class Heavy(Sandwich, Weighted):
    def __init__(self, factors):
        super().__init__(num_random=0)
        self.factors = factors

    def weights(self, architectures):
        return self.factors


def test_weights_multiply_the_gradients_of_architectures():
    def gradients(weights, architectures):
        generator = generators.shared(space("layer"))
        subnets = [generator.subnet(a) for a in architectures]
        parts = [Part(subnets, blobs().train[:32])]
        storage = Replicated(generator, ProcessGroup())
        options = {"combine": "sum", "precision": "float32"}
        add_gradients(storage, parts, CrossEntropy(), weights=weights, **options)
        return gradient(generator)

    bounds = [space().largest(), space().smallest()]
    expected = 3 * gradients(None, bounds[:1]) + 0.5 * gradients(None, bounds[1:])
    assert_close(gradients([3.0, 0.5], bounds), expected)


def test_a_sampler_says_how_much_each_architecture_counts():
    plain, ones, other = (generators.shared(space("layer")) for _ in range(3))
    fit(plain, short(3), sampler=Sandwich(num_random=0), callbacks=[])
    fit(ones, short(3), sampler=Heavy([1.0, 1.0]), callbacks=[])
    fit(other, short(3), sampler=Heavy([1.0, 0.0]), callbacks=[])
    assert_close(ones.state_dict(), plain.state_dict(), rtol=0, atol=0)
    smallest = other.space.smallest()
    name = "layers.0.0.weight"
    assert not torch.equal(other(smallest)[name], plain(smallest)[name])
    with pytest.raises(ValueError, match="gives 1 weights for 2 architectures"):
        fit(other, short(1), sampler=Heavy([1.0]))


# --- conditions --------------------------------------------------------------------------------


class Episodes(torch.utils.data.Dataset):
    """Each example is 20 points of one of two tasks, which have opposite labels."""

    def __len__(self):
        return 64

    def __getitem__(self, index):
        rng = torch.Generator().manual_seed(index)
        points, task = torch.randn(20, 2, generator=rng), index % 2
        return points, torch.tensor([float(task)]), (points[:, 0] > 0).long() ^ task


def one_episode(examples):
    """A batch of one example: ((points, its condition), labels)."""
    (points, vector, labels) = examples[0]
    return (points, vector[None]), labels


EPISODES = Data("episodes", *[Episodes()] * 3, (2,), 3, collate_fn=one_episode)


def test_a_generator_learns_what_only_its_condition_tells():
    generator = generators.hypernas(space("none"), condition_dim=1, coefficient_lr_scale=1.0)
    Training(steps=200, batch_size=1).run(
        generator,
        Task(EPISODES, CrossEntropy(), InputColumn()),
        Strategy(sampler=Fixed(), optimizer=ADAMW),
        device="cpu",
    )
    largest = generator.space.largest()
    for i in (0, 1):  # an episode of each task
        points, vector, labels = EPISODES.test[i]
        network = generator.export(generator.subnet(largest, vector))
        assert (network(points).argmax(1) == labels).float().mean() > 0.8
        other = generator.export(generator.subnet(largest, 1 - vector))
        assert (other(points).argmax(1) == labels).float().mean() < 0.2


def test_gradients_reach_the_condition_that_a_step_trained_with():
    seen = []

    class Remembered(BatchStatistics):
        def __call__(self, inputs):
            seen.append(super().__call__(inputs).requires_grad_())
            return seen[-1]

    generator = generators.mos_layer(space("layer"), condition_dim=4, dropout=0.0)
    fit(generator, short(1, accumulate=2), callbacks=[], condition=Remembered())
    assert len(seen) == 2  # one a batch
    assert all(vector.grad.abs().sum() > 0 for vector in seen)


def test_validation_measures_subnets_under_the_condition_of_each_batch():
    generator, recorder = generators.hypernas(space("batch"), condition_dim=4), Recorder()
    validation = Validation(num_subnets=1, calibration_batches=2)
    callbacks = [recorder, validation]
    fit(generator, short(4), callbacks=callbacks, condition=BatchStatistics())
    subnets = {label: a for label, (a, _) in recorder.validations[4].items()}
    options = {"split": "validation", "calibration_batches": 2, "batch_size": 32}
    for found in evaluate(
        generator,
        blobs(),
        subnets,
        objective=CrossEntropy(),
        condition=BatchStatistics(),
        **options,
    ):
        assert found.calibrated == recorder.validations[4][found.label][1]


def test_a_condition_that_nobody_reads_or_gives_is_refused():
    with pytest.raises(ValueError, match="make it with a condition_dim"):
        fit(generators.shared(space()), condition=BatchStatistics())
    with pytest.raises(
        ValueError, match=r"task has no condition: give one of hypernas\.conditions"
    ):
        fit(generators.hypernas(space(), condition_dim=4))
