"""Architectures of a step that read parts of its batch."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from training_runs import blobs, fit, short, space

from hypernas import SearchSpace, generators
from hypernas.distributed import ProcessGroup, Replicated
from hypernas.objectives import CrossEntropy, InPlaceDistillation, Objective
from hypernas.sampling import Sandwich, Uniform, rows_of
from hypernas.subnet.rows import ALL, Rows, equal_parts, num_rows
from hypernas.training.gradients import add_gradients
from hypernas.training.part import Part

PLAIN = partial(CrossEntropy, label_smoothing=0.0)


def step(architectures, rows, objective=None, num=30, combine="mean", targets=None):
    """Gradient by parameter, and losses, of a step of an untrained generator."""
    generator = generators.hypernas(space("layer"), seed=3)
    inputs, labels = (t[:num] for t in blobs().train.tensors)
    batch = inputs, labels if targets is None else targets
    part = Part([generator.subnet(a) for a in architectures], batch, rows)
    losses = add_gradients(
        Replicated(generator, ProcessGroup()),
        [part],
        objective or PLAIN(),
        combine=combine,
        precision="float32",
    )
    found = {
        n: p.grad if p.grad is not None else torch.zeros_like(p)
        for n, p in generator.named_parameters()
    }
    return found, losses


@pytest.mark.parametrize("parts", [1, 2, 4, 7])
def test_parts_of_a_batch_are_all_of_it_once(parts):
    found = torch.cat([rows.of(torch.arange(10)) for rows in equal_parts(parts)])
    assert found.tolist() == list(range(10))


@pytest.mark.parametrize("combine", ["mean", "sum"])
@pytest.mark.parametrize("parts", [2, 3, 4, 30])
def test_one_architecture_in_parts_has_the_gradient_of_the_whole_batch(parts, combine):
    largest = space("layer").largest()
    whole, loss = step([largest], None, combine=combine)
    divided, losses = step([largest] * parts, equal_parts(parts), combine=combine)
    assert_close(divided, whole, rtol=1e-4, atol=1e-6)
    assert_close(losses[0], loss[0])
    assert len(losses) == parts + 1


@pytest.mark.parametrize("combine", ["mean", "sum"])
def test_a_sandwich_that_divides_costs_three_passes_whose_gradients_are_combined(combine):
    own = space("layer")
    bounds = [own.largest(), own.smallest()]
    between = [own.sample(torch.Generator().manual_seed(i)) for i in range(3)]
    found, losses = step(
        [bounds[0], *between, bounds[1]], [ALL, *equal_parts(3), ALL], combine=combine
    )
    alone = [step([bound], None, combine="sum") for bound in bounds]
    labels = blobs().train.tensors[1][:30]
    for i, one in enumerate(between):
        rows = slice(10 * i, 10 * i + 10)
        ignored = torch.full_like(labels, -100)
        ignored[rows] = labels[rows]
        alone.append(step([one], None, combine="sum", targets=ignored))  # its mean over ten
    factors = [1, 1, 1 / 3, 1 / 3, 1 / 3]
    divisor = 3 if combine == "mean" else 1
    for name, gradient in found.items():
        terms = [f * g[name] / divisor for f, (g, _) in zip(factors, alone, strict=True)]
        assert_close(gradient, sum(terms), rtol=1e-4, atol=1e-6)
    order = [0, 2, 3, 4, 1]
    assert_close(losses[1:], torch.stack([alone[i][1][1] for i in order]))
    mean = sum(f * one[0] for f, (_, one) in zip(factors, alone, strict=True)) / 3
    assert_close(losses[0], mean)


def test_parts_count_by_their_targets_that_count():
    largest = space("layer").largest()
    labels = blobs().train.tensors[1][:30]
    targets = labels.clone()
    targets[3:12] = -100
    whole, loss = step([largest], None, targets=targets)
    divided, losses = step([largest] * 3, equal_parts(3), targets=targets)
    assert_close(divided, whole, rtol=1e-4, atol=1e-6)
    assert_close(losses[0], loss[0])


def test_students_read_the_teacher_s_outputs_on_their_own_rows():
    own = space("layer")
    architectures = [own.largest(), own.smallest(), own.smallest()]
    whole, _ = step(architectures[:2], None, InPlaceDistillation(label_smoothing=0.0))
    parts, _ = step(architectures, [ALL, *equal_parts(2)], InPlaceDistillation(label_smoothing=0.0))
    assert_close(parts, whole, rtol=1e-4, atol=1e-6)


def test_a_teacher_that_reads_a_part_is_refused():
    largest = space("layer").largest()
    with pytest.raises(ValueError, match="teaches the others on the whole batch"):
        step([largest] * 2, equal_parts(2), InPlaceDistillation())


def test_a_batch_of_fewer_examples_than_parts_is_refused():
    largest = space("layer").largest()
    with pytest.raises(ValueError, match="30 examples cannot be divided among 31 architectures"):
        step([largest] * 31, equal_parts(31))


def test_samplers_divide_where_they_are_told_to():
    own, rng = space("layer"), torch.Generator().manual_seed(0)
    for sampler, expected in [
        (Uniform(num=2), None),
        (Uniform(num=2, divide=True), [Rows(0, 2), Rows(1, 2)]),
        (Sandwich(num_random=2), None),
        (Sandwich(num_random=2, divide=True), [ALL, Rows(0, 2), Rows(1, 2), ALL]),
    ]:
        assert rows_of(sampler, sampler(own, rng)) == expected


def test_training_divides_its_batches():
    one, four = (generators.shared(space("layer")) for _ in range(2))
    seen = []

    def spy(generator):
        call = generator.call
        generator.call = lambda subnet, given, **more: (
            seen.append(num_rows(given)),
            call(subnet, given, **more),
        )[1]

    spy(four)
    fit(one, short(2), sampler=Uniform(num=4), callbacks=[])
    fit(four, short(2), sampler=Uniform(num=4, divide=True), callbacks=[])
    assert len(seen) == 8
    assert len(set(seen)) == 1
    assert seen[0] * 4 == short(2).batch_size
    assert not torch.equal(
        one.state_dict()[name := next(iter(one.state_dict()))], four.state_dict()[name]
    )


class Words(nn.Module):
    """Reads words, which are no tensors."""

    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(1, width)

    def forward(self, words):
        return self.layer(torch.tensor([[float(len(word))] for word in words])).mean(1)


class Longer(Objective):
    """The squared error from numbers that are no tensors either."""

    def loss(self, outputs, targets, teacher=None):
        return (outputs - torch.tensor(targets)).square().mean()

    def measures(self, outputs, targets):
        return {"loss": (outputs - torch.tensor(targets)).square()}


def test_batches_that_nobody_divides_need_no_tensors():
    space = SearchSpace({"width": [2, 4]}, lambda a: Words(a["width"]), layouts={"*": "..."})
    generator = generators.shared(space)
    sampler, rng = Uniform(num=2), torch.Generator().manual_seed(0)
    drawn = sampler(space, rng)
    subnets = [generator.subnet(a) for a in drawn]
    part = Part(subnets, ((["a", "word"],), [1.0, 2.0]), rows_of(sampler, drawn))
    storage = Replicated(generator, ProcessGroup())
    options = {"combine": "mean", "precision": "float32"}
    losses = add_gradients(storage, [part], Longer(), **options)
    assert len(losses) == 3
    assert torch.isfinite(losses).all()
