"""A module of your own, a space of its variants, a generator of their weights.

python own_model.py                                            train, export, measure
hypernas train space=own space._target_=own_model.my_space     the same space from the command line
"""

import functools

import torch
from torch import Tensor, nn

from hypernas import Architecture, Choice, SearchSpace, generators
from hypernas.data import digits
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform
from hypernas.training import Strategy, Task, Training
from hypernas.training.callbacks import Console, Validation


class Net(nn.Module):
    """An ordinary module, of which nothing knows of hypernas."""

    def __init__(self, in_dim: int, width: int, depth: int, skip: bool, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Linear(in_dim, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.head = nn.Linear(width, num_classes)
        self.skip = skip

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images.flatten(1)).relu()
        for layer in self.layers:
            x = layer(x).relu() + (x if self.skip else 0)
        return self.head(x)


def my_space(input_shape: tuple[int, ...], num_classes: int) -> SearchSpace:
    """The variants of `Net` for a data set."""
    in_dim = torch.Size(input_shape).numel()

    def build(a: Architecture) -> Net:
        return Net(in_dim, a["width"], a["depth"], a.get("skip", False), num_classes)

    choices = {
        "width": [8, 16, 32],
        "depth": [1, 2, 3],
        "skip": Choice([False, True], when={"depth": [2, 3]}),  # there is one only under these
    }
    return SearchSpace(choices, build)


def main() -> None:
    """Train a generator, then take one subnet out of it."""
    data = digits()
    space = my_space(data.input_shape, data.num_classes)
    generator = generators.hypernas(space)
    strategy = Strategy(sampler=Uniform(), optimizer=functools.partial(torch.optim.AdamW, lr=0.01))
    training = Training(steps=300, batch_size=64)
    task = Task(data, CrossEntropy())
    training.run(generator, task, strategy, callbacks=[Console(), Validation(every=100)])

    small = {"width": 8, "depth": 2, "skip": True}
    net = generator.export(small)
    images, labels = data.test.tensors
    print(type(net).__name__, f"{(net(images).argmax(1) == labels).float().mean():.3f}")


if __name__ == "__main__":
    main()
