"""Tasks that differ in the angle of their images."""

import math

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.continual.tasks import Tasks, changed
from hypernas.data import Data


class Rotated(Tasks):
    """The same images, which every task rotates by an angle of its own: i · degrees / num in task i.

    Lopez-Paz and Ranzato, 2017, arXiv 1706.08840 (theirs are random in 0 to 180 degrees). Images turn about their
    middle, bilinear, with the value of their first corner outside. Signals of one axis are closed and rolled by that part of a turn.

    Args:
        data: whose splits are tensors, of inputs (N, channels, length) or (N, channels, height, width).
        num: of tasks.
        degrees: at which the stream would arrive after one more task.

    Raises:
        ValueError: if there is to be no task, or inputs are neither.
    """

    @checked
    def __init__(self, data: Data, *, num: int = 10, degrees: float = 180.0) -> None:
        if num < 1:
            raise ValueError(f"num must be 1 or more, got {num}.")
        if len(data.input_shape) not in (2, 3):
            raise ValueError(
                f"inputs that are rotated have the shape (channels, length) or (channels, height, width), got "
                f"{data.input_shape}."
            )
        self.data, self.num, self.degrees = data, num, degrees
        self.name = f"rotated {data.name}"
        self.input_shape, self.num_classes = data.input_shape, data.num_classes

    def task(self, number: int) -> Data:
        degrees = self.check(number) * self.degrees / self.num

        def turned(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
            return (rotate(inputs, degrees) if degrees else inputs), targets

        return changed(self.data, turned, name=f"{self.name} {number + 1}")


def rotate(
    inputs: Tensor,  # shape: (N, C, L) or (N, C, H, W)
    degrees: float,
) -> Tensor:  # the same shape
    """Images turned about their middle, counter-clockwise; signals rolled by that part of their length."""
    if inputs.dim() == 3:
        return inputs.roll(round(degrees / 360 * inputs.shape[-1]), -1)
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    height, width = inputs.shape[-2:]
    turn = inputs.new_tensor([[cos, -sin * height / width, 0], [sin * width / height, cos, 0]])
    outside = inputs.flatten(2)[..., :1, None]  # shape: (N, C, 1, 1)
    parts = [
        nn.functional.grid_sample(
            part,
            nn.functional.affine_grid(turn.expand(len(part), 2, 3), list(part.shape), False),
            align_corners=False,
        )
        for part in (inputs - outside).split(1000)
    ]
    return torch.cat(parts) + outside
