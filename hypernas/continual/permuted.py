"""Tasks that differ in the order of their inputs' entries."""

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.continual.tasks import Tasks, changed
from hypernas.data import Data


class Permuted(Tasks):
    """The same images, the entries of which every task permutes in a way of its own; the first leaves them.

    Goodfellow et al., 2013, arXiv 1312.6211; Kirkpatrick et al., 2017, arXiv 1612.00796.

    Args:
        data: whose splits are tensors.
        num: of tasks.
        seed: of the permutations.

    Raises:
        ValueError: if there is to be no task.
    """

    @checked
    def __init__(self, data: Data, *, num: int = 10, seed: int = 0) -> None:
        if num < 1:
            raise ValueError(f"num must be 1 or more, got {num}.")
        self.data, self.num, self.seed = data, num, seed
        self.name = f"permuted {data.name}"
        self.input_shape, self.num_classes = data.input_shape, data.num_classes

    def task(self, number: int) -> Data:
        rng = torch.Generator().manual_seed((self.seed * 1_000_003 + self.check(number)) % 2**63)
        num = torch.Size(self.input_shape).numel()
        order = torch.randperm(num, generator=rng) if number else torch.arange(num)

        def permuted(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
            return inputs.flatten(1)[:, order].view(inputs.shape), targets

        return changed(self.data, permuted, name=f"{self.name} {number + 1}")
