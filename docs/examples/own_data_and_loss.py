"""Data and a loss of your own: regression.

    python own_data_and_loss.py
    hypernas train data=own data._target_=own_data_and_loss.my_data space=mlp \
        objective=own objective._target_=own_data_and_loss.SquaredError
"""

import functools

import torch
from torch import Tensor

from hypernas import generators
from hypernas.data import Data, split_tensors
from hypernas.evaluation import evaluate
from hypernas.objectives import Objective
from hypernas.sampling import Uniform, sample_subnets
from hypernas.spaces import mlp
from hypernas.training import Strategy, Task, Training


def my_data(seed: int = 0) -> Data:
    """A surface with noise: two numbers in, its height out."""
    rng = torch.Generator().manual_seed(seed)
    inputs = torch.rand(2000, 2, generator=rng) * 4 - 2
    heights = (inputs[:, :1] * inputs[:, 1:]).sin()
    heights += 0.05 * torch.randn(heights.shape, generator=rng)
    train, validation, test = split_tensors(inputs, heights, (1200, 400, 400), seed=seed)
    return Data("surface", train, validation, test, input_shape=(2,), num_classes=1)


class SquaredError(Objective):
    """Mean squared error, of outputs and targets of the shape (N, 1)."""

    def loss(self, outputs: Tensor, targets: Tensor, teacher: Tensor | None = None) -> Tensor:
        return (outputs - targets).square().mean()

    def measures(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {"squared_error": (outputs - targets).square().mean(1)}


def main() -> None:
    """Train a generator of multilayer perceptrons, and measure some of them."""
    data = my_data()
    space = mlp(input_shape=data.input_shape, num_classes=data.num_classes, widths=[8, 16, 32])
    generator = generators.hypernas(space)
    objective = SquaredError()
    strategy = Strategy(
        sampler=Uniform(num=2), optimizer=functools.partial(torch.optim.AdamW, lr=0.01)
    )
    Training(steps=400, batch_size=128).run(generator, Task(data, objective), strategy)
    for found in evaluate(generator, data, sample_subnets(space, 3, seed=0), objective=objective):
        print(f"{found.label:10} {found.calibrated['squared_error']:.4f}")


if __name__ == "__main__":
    main()
