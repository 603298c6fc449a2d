"""One network in place of many: it is that of each task, whatever it was before."""

import contextlib
import copy
from functools import partial

import pytest
import torch
from torch.testing import assert_close

from hypernas import generators
from hypernas.continual import (
    Conditioned,
    Course,
    ExSSNeT,
    FineTuning,
    Permuted,
    Separate,
    TaskNetwork,
    learn,
)
from hypernas.data import Data, split_tensors
from hypernas.objectives import CrossEntropy
from hypernas.spaces import mlp

RNG = torch.Generator().manual_seed(0)
INPUTS, TARGETS = torch.randn(120, 12, generator=RNG), torch.arange(120) % 4
DATA = Data("noise", *split_tensors(INPUTS, TARGETS, (80, 20, 20), seed=0), (12,), 4)
SPACE = mlp(input_shape=(12,), num_classes=4, depths=[1], widths=[12, 24], norm="batch")
METHODS = {
    "masks": (ExSSNeT, generators.shared),
    "masked templates": (partial(ExSSNeT, own=True, density=0.3), generators.soft_sharing),
    "networks": (Separate, generators.shared),
    "one network": (FineTuning, generators.shared),
    "embeddings": (Conditioned, partial(generators.hypernas, condition_dim=3)),
}


def learned(name: str):
    make, generator = METHODS[name]
    method = make(generator(SPACE), num_tasks=3)
    course = Course(steps=2, batch_size=20)
    optimizer = partial(torch.optim.AdamW, lr=0.01)
    list(learn(method, Permuted(DATA, num=3), CrossEntropy(), course=course, optimizer=optimizer))
    return method


@pytest.mark.parametrize(
    "architecture", [SPACE.largest(), SPACE.smallest()], ids=["large", "small"]
)
@pytest.mark.parametrize("name", METHODS)
def test_the_network_of_a_task_is_the_one_that_is_exported_whatever_it_was_before(
    name, architecture
):
    method = learned(name)
    network = TaskNetwork(method, range(3), architecture)
    assert network.task == 0
    for task in (0, 2, 1, 1, 0, 2):
        network.use(task)
        with method.using(task) as generator:
            expected = generator.export(architecture)
        assert_close(network.module.state_dict(), expected.state_dict(), rtol=0, atol=0)
        assert_close(network.module(INPUTS), expected(INPUTS), rtol=0, atol=0)


def test_a_task_of_a_thin_mask_costs_less_than_its_network_and_one_that_is_like_all_others_nothing():
    wide = mlp(input_shape=(12,), num_classes=4, depths=[2], widths=[64], norm="layer")
    method = ExSSNeT(generators.shared(wide), num_tasks=2, density=0.05)
    course, optimizer = Course(steps=2, batch_size=20), partial(torch.optim.AdamW, lr=0.01)
    list(learn(method, Permuted(DATA, num=2), CrossEntropy(), course=course, optimizer=optimizer))
    whole = sum(p.nbytes for p in wide.build(wide.largest()).parameters())
    for held in TaskNetwork(method, [0, 1]).num_bytes.values():
        assert 0 < held < 0.2 * whole
    assert set(TaskNetwork(learned("one network"), range(3)).num_bytes.values()) == {0}


def test_tasks_that_are_not_held_are_refused():
    method = learned("masks")
    for wrong in ([], [-1, 0]):
        with pytest.raises(ValueError, match="one task or more, from 0"):
            TaskNetwork(method, wrong)
    network = TaskNetwork(method, [0, 2])
    with pytest.raises(ValueError, match=r"one of the tasks \[0, 2\], got 1"):
        network.use(1)
    assert network.task == 0


def test_a_change_that_failed_leaves_nothing_behind():
    method = learned("masks")
    network = TaskNetwork(method, range(2))
    *_, last = (p for p in network.module.parameters() if p.ndim > 1)
    whole, last.data = last.data, last.data[:0]
    with pytest.raises(RuntimeError):
        network.use(1)
    last.data = whole
    assert network.task is None
    network.use(0)
    with method.using(0) as generator:
        expected = generator.export(SPACE.largest())
    assert_close(network.module.state_dict(), expected.state_dict(), rtol=0, atol=0)


def test_tasks_that_differ_in_few_entries_hold_these_alone():
    method = learned("one network")
    with torch.no_grad():
        exports = [method.generator.export(SPACE.largest()) for _ in range(3)]
        for i, one in enumerate(exports[1:]):
            next(one.parameters()).view(-1)[i] += 1

    class Listed(FineTuning):
        def using(self, task):
            return contextlib.nullcontext(Exporting(exports[task]))

    class Exporting:
        def __init__(self, module):
            self.export = lambda _: copy.deepcopy(module)

    network = TaskNetwork(Listed(method.generator, num_tasks=3), range(3))
    assert list(network.num_bytes.values()) == [0, 12, 12]
    network.use(2)
    assert_close(network.module.state_dict(), exports[2].state_dict(), rtol=0, atol=0)
