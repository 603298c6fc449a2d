"""Evaluating a generator whose weights follow the condition of each batch."""

from functools import partial

import torch
from torch import nn
from torch.testing import assert_close
from torch.utils.data import TensorDataset

from hypernas import SearchSpace, generators
from hypernas.conditions import InputColumn
from hypernas.data import Data
from hypernas.evaluation import evaluate
from hypernas.objectives import CrossEntropy, assess
from hypernas.training.conditioned import ConditionedSubnet


def build(architecture):
    width = architecture["width"]
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 2))


SPACE = SearchSpace({"width": [4, 8]}, build)


def task(value: float, num: int = 64) -> TensorDataset:
    rng = torch.Generator().manual_seed(int(10 * value))
    inputs = torch.randn(num, 3, generator=rng)
    return TensorDataset(inputs, torch.full((num, 1), value), (inputs[:, 0] > 0).long())


def data(value: float) -> Data:
    return Data("task", task(value), task(value), task(value), (3,), 2)


def conditioned():
    torch.manual_seed(0)
    generator = generators.hypernas(SPACE, condition_dim=1)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return generator.eval()


def test_measures_are_those_of_the_subnet_exported_under_that_condition():
    generator = conditioned()
    results = []
    for value in (0.0, 1.0):
        own = data(value)
        (found,) = evaluate(
            generator,
            own,
            {"largest": SPACE.largest()},
            objective=CrossEntropy(),
            calibration_batches=2,
            batch_size=32,
            condition=InputColumn(),
        )
        subnet = generator.subnet(SPACE.largest(), torch.tensor([value]))
        inputs, _, targets = own.test.tensors
        expected = assess(generator.export(subnet), [(inputs, targets)], CrossEntropy())
        assert_close(found.inherited, expected)
        assert found.num_parameters == sum(p.numel() for p in build({"width": 8}).parameters())
        results.append(found.calibrated["cross_entropy"])
    assert results[0] != results[1]


def test_calibration_under_one_condition_is_that_of_its_subnet():
    generator = conditioned()
    inputs, vectors, _ = task(0.7).tensors
    batches = [(inputs[i : i + 16], vectors[i : i + 16]) for i in range(0, 64, 16)]
    found = ConditionedSubnet(generator, SPACE.largest(), InputColumn()).calibrate(batches)
    subnet = generator.subnet(SPACE.largest(), torch.tensor([0.7]))
    assert_close(found, generator.calibrate(subnet, [x for x, _ in batches]))


def test_training_reaches_what_reads_the_condition():
    generator = generators.hypernas(SPACE, condition_dim=1, gate_scale=1.0)
    condition, optimizer = InputColumn(), partial(torch.optim.Adam, lr=0.01)
    steps = optimizer(generator.parameters())
    rows = generator.source.trunk[0].weight.detach().clone()
    for value in (0.0, 1.0):
        *inputs, targets = task(value).tensors
        subnet = generator.subnet(SPACE.largest(), condition(tuple(inputs)))
        outputs = generator.call(subnet, *condition.rest(tuple(inputs)))
        nn.functional.cross_entropy(outputs, targets).backward()
        steps.step()
        steps.zero_grad()
    moved = generator.source.trunk[0].weight.detach() - rows
    assert (moved[:, -1] != 0).any()
