"""Weights that follow a condition of the data: here, how dark the images of a batch are.

python conditions.py
"""

import dataclasses
import functools

import torch
from torch import Tensor

from hypernas import generators
from hypernas.conditions import InputColumn
from hypernas.data import Data, digits
from hypernas.evaluation import evaluate
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform, sample_subnets
from hypernas.spaces import mlp
from hypernas.training import Strategy, Task, Training


def exposed(examples: list[tuple[Tensor, Tensor]]) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """A batch of images of one exposure, which is given beside them."""
    images, labels = (torch.stack(column) for column in zip(*examples, strict=True))
    exposure = (
        float(images.double().sum() * 1000) % 1
    )  # by chance, but the same for the same images
    # as many rows as images, so that ranks can divide the batch
    column = torch.full((len(images), 1), exposure)
    return (images * (0.05 + exposure), column), labels


def my_data() -> Data:
    """Digits in good and bad light."""
    return dataclasses.replace(digits(), collate_fn=exposed)


def main() -> None:
    """Train a generator that is told the exposure, and take a subnet for a dark room out of it."""
    data, condition = my_data(), InputColumn()
    space = mlp(input_shape=data.input_shape, num_classes=data.num_classes, widths=[16, 32])
    generator = generators.hypernas(space, condition_dim=1)
    strategy = Strategy(sampler=Uniform(), optimizer=functools.partial(torch.optim.AdamW, lr=0.01))
    task = Task(data, CrossEntropy(), condition)
    Training(steps=300, batch_size=64).run(generator, task, strategy)

    subnets = sample_subnets(space, 2, seed=0)
    for found in evaluate(generator, data, subnets, objective=task.objective, condition=condition):
        print(f"{found.label:10} {found.calibrated['accuracy']:.3f}")

    dark = generator.subnet(space.smallest(), torch.tensor([0.0]))
    images, labels = digits().train.tensors
    statistics = generator.calibrate(dark, [images * 0.05])
    net = generator.export(dark, statistics=statistics)  # an ordinary module, for the dark only
    images, labels = digits().test.tensors
    print(f"in the dark {(net(images * 0.05).argmax(1) == labels).float().mean():.3f}")


if __name__ == "__main__":
    main()
