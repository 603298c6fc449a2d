"""The targets whose steps are measured: a space, a batch, and a loss."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypernas import SearchSpace, spaces

VOCABULARY = 65


@dataclass(frozen=True)
class Task:
    """A space, and a batch of its inputs.

    Attributes:
        seconds: of measuring, that its number of parameters deserves.
        large: whether full hypernetworks, of a hundred numbers a weight, would not fit in memory.
    """

    name: str
    make: Callable[[], SearchSpace]
    shape: tuple[int, ...]
    batch: int
    seconds: float = 30.0
    large: bool = False

    def inputs(self, device: torch.device) -> Tensor:
        if len(self.shape) == 1 and self.name != "mlp":
            return torch.randint(VOCABULARY, (self.batch, *self.shape), device=device)
        return torch.randn(self.batch, *self.shape, device=device)


def loss(outputs: Tensor) -> Tensor:  # shape: ()
    """Cross entropy against classes that do not matter."""
    outputs = outputs.flatten(0, -2)
    return nn.functional.cross_entropy(outputs, torch.zeros_like(outputs[:, 0], dtype=torch.long))


def _resnet() -> SearchSpace:
    """ResNet-20 is its largest: 9 blocks of 3 x 3, 16-32-64 channels."""
    return spaces.resnet(
        input_shape=(3, 32, 32), num_classes=10, depths=((1, 2, 3),) * 3, kernels=(3,)
    )


def _mlp() -> SearchSpace:
    """784-256-256-10, each width searched in steps of 8."""
    widths = tuple(range(64, 257, 8))
    return spaces.mlp(input_shape=(784,), num_classes=10, depths=(2,), widths=widths, norm="none")


def _mobilenet() -> SearchSpace:
    return spaces.mobilenet(input_shape=(3, 32, 32), num_classes=10)


def _vit() -> SearchSpace:
    """ViT-S is its largest: 12 layers of 6 heads, 384 channels, 1,536 hidden units."""
    return spaces.vit(
        input_shape=(3, 64, 64),
        num_classes=10,
        patch_size=16,
        depths=(10, 11, 12),
        embed_dims=(320, 352, 384),
        heads=(5, 6),
        head_dim=64,
        ratios=(3, 3.5, 4),
    )


def _transformer_lm() -> SearchSpace:
    return spaces.transformer_lm(input_shape=(64,), num_classes=VOCABULARY)


def _transformer() -> SearchSpace:
    """6 layers of 8 heads, 256 channels, 1,024 hidden units are its largest."""
    return spaces.transformer_lm(
        input_shape=(128,),
        num_classes=VOCABULARY,
        depths=(4, 5, 6),
        embed_dims=(192, 224, 256),
        heads=(6, 7, 8),
        ratios=(3, 3.5, 4),
    )


def tasks(device: torch.device) -> list[Task]:
    """All targets; on a GPU a ViT-S has the batch of 256 that is usual there."""
    vit = 256 if device.type == "cuda" else 8
    return [
        Task("resnet20", _resnet, (3, 32, 32), 32, seconds=60),
        Task("mlp", _mlp, (784,), 128),
        Task("mobilenet", _mobilenet, (3, 32, 32), 32),
        Task("vit_small", _vit, (3, 64, 64), vit, seconds=45, large=True),
        Task("transformer_lm", _transformer_lm, (64,), 16, large=True),
        Task("transformer", _transformer, (128,), 8, seconds=45, large=True),
    ]
