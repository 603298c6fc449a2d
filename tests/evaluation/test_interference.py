"""Interference of planted cases, where what is gained and lost is known."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from torch.utils.data import TensorDataset

from hypernas import SearchSpace, generators
from hypernas.data import Data
from hypernas.evaluation import Measure, Recipe
from hypernas.evaluation.interference import interference
from hypernas.objectives import Objective
from hypernas.training import Training

ERROR = Measure(name="error", lower_is_better=True, scale=1.0, unit="of the error")
SUBNETS = {"minus": {"sign": -1}, "plus": {"sign": 1}}


class Squared(Objective):
    """The squared error."""

    def loss(self, outputs: Tensor, targets: Tensor, teacher: Tensor | None = None) -> Tensor:
        return (outputs - targets).square().mean()

    def measures(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {"error": (outputs - targets).square().flatten()}


class Line(nn.Module):
    """One weight, 0 at the start, times a sign."""

    def __init__(self, sign: int) -> None:
        super().__init__()
        self.weight, self.sign = nn.Parameter(torch.zeros(1)), sign

    def forward(self, x: Tensor) -> Tensor:
        return self.sign * self.weight * x


def measured(build, *, steps: int, lr: float):
    """Of a space whose only choice is a sign, on examples (±1, ±1) of the identity."""
    points = torch.tensor([[1.0], [-1.0]] * 8)
    splits = [TensorDataset(points, points)] * 3
    data = Data("identity", *splits, input_shape=(1,), num_classes=1)
    space = SearchSpace({"sign": [-1, 1]}, build=build)
    training = Training(steps=steps, batch_size=16, max_grad_norm=None)
    recipe = Recipe(
        training=training, objective=Squared(), optimizer=partial(torch.optim.SGD, lr=lr)
    )
    subnets = {label: space.architecture(own) for label, own in SUBNETS.items()}
    found = interference(generators.shared(space), data, recipe, subnets, labels=[*SUBNETS])
    return {own.label: own.worth(ERROR) for own in found}


def test_contrary_subnets_gain_all_alone_what_none_gains_with_the_others():
    """Their common weight is best at 0, where both err by 1: alone, one errs by 0 and the other by 4."""
    for worth in measured(lambda a: Line(int(a["sign"])), steps=700, lr=0.01).values():
        assert_close(worth["specialising"], 1.0, atol=1e-4, rtol=0)
        assert_close(worth["harm"], 3.0, atol=1e-3, rtol=0)
        # random signs leave the weight near 0, by noise of a variance of about the rate
        assert abs(worth["all"]) < 0.35
        assert abs(worth["longer"]) < 0.35
        assert worth["beyond"] > 0.65


def test_subnets_that_are_one_network_are_undertrained_and_do_not_interfere():
    for worth in measured(lambda a: Line(1), steps=10, lr=0.01).values():
        assert worth["specialising"] > 0.1
        assert worth["interference"] == 0
        assert worth["longer"] > 2 * worth["specialising"]
        assert worth["beyond"] < 0
        assert worth["harm"] == -worth["specialising"]


def test_one_subnet_alone_has_nobody_to_interfere_with():
    space = SearchSpace({"sign": [-1, 1]}, build=lambda a: Line(int(a["sign"])))
    generator = generators.shared(space)
    with pytest.raises(ValueError, match="two subnets or more"):
        interference(generator, None, None, {"one": space.largest()}, labels=["one"])  # type: ignore[arg-type]
