"""Tasks that differ in their classes."""

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.continual.tasks import Tasks, changed
from hypernas.data import Data


class Split(Tasks):
    """The classes of a data set, some for each task; a task's targets count from 0.

    Zenke et al., 2017, arXiv 1703.04200. Every task has the same outputs: a method that is told the task has a head for
    each all the same, wherever its weights are the task's.

    Args:
        data: whose splits are tensors, targets class indices.
        classes: of each task; those that are left over come in no task.
        seed: of the classes' order; None leaves them in theirs.

    Raises:
        ValueError: if there are not as many classes.
    """

    @checked
    def __init__(self, data: Data, *, classes: int = 2, seed: int | None = None) -> None:
        if not 1 <= classes <= data.num_classes:
            raise ValueError(
                f"classes must be between 1 and the {data.num_classes} there are, got {classes}."
            )
        order = torch.arange(data.num_classes)
        if seed is not None:
            rng = torch.Generator().manual_seed(seed)
            order = torch.randperm(data.num_classes, generator=rng)
        self.data, self.num = data, data.num_classes // classes
        self.groups = [group.tolist() for group in order.split(classes)[: self.num]]
        self.name = f"split {data.name}"
        self.input_shape, self.num_classes = data.input_shape, classes

    def task(self, number: int) -> Data:
        own = torch.tensor(self.groups[self.check(number)])

        def those(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
            found = targets[:, None] == own
            return inputs[found.any(1)], found[found.any(1)].int().argmax(1)

        name = f"{self.name} {number + 1}"
        return changed(self.data, those, name=name, num_classes=self.num_classes)
