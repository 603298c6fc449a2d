"""Elastic resolution: inputs that a subnet resizes first."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from hypernas.border import checked
from hypernas.space import Choice, SearchSpace
from hypernas.spaces.changes.change import changed

_MODES = {3: "linear", 4: "bilinear", 5: "trilinear"}  # by the axes of a batch


class Resizing:
    """A hook before a module: its first argument, (N, C, *space), is resized by a factor along each axis of space.

    Linear between neighbours, and without parameters.
    """

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        first, *others = inputs
        return (self._resized(first), *others)

    def _resized(self, signal: Tensor) -> Tensor:
        if signal.dim() not in _MODES:
            raise ValueError(
                f"elastic resolution needs inputs of shape (N, channels, *space), got {tuple(signal.shape)}."
            )
        sizes = [max(1, round(self.scale * size)) for size in signal.shape[2:]]
        if list(signal.shape[2:]) == sizes:
            return signal
        return F.interpolate(signal, sizes, mode=_MODES[signal.dim()], align_corners=False)


@checked
def elastic_resolution(
    space: SearchSpace, *, scales: Sequence[float] = (0.75, 1.0), name: str = "resolution"
) -> SearchSpace:
    """The space with one more choice: the factor by which a subnet resizes its inputs, along each axis of space.

    BigNAS (Yu et al., 2020, arXiv 2003.11142) and Once-for-All (Cai et al., 2020, arXiv 1908.09791) train with images of several
    sizes, of which a batch has one. Here a subnet resizes what it is called with, so that FLOPs, latency and exports are those of
    its size, the resizing among them. Parameters keep their names and shapes, and the module must take any size, as one does that
    averages over space. The choice has no order: what is computed of a smaller image is no part of what is of a larger one.

    Args:
        scales: to choose from, from the least to the largest; 1 leaves inputs as they are.
        name: of the choice.

    Raises:
        ValueError: if the space has a choice of this name, or a factor is not above 0; in a call, if the first
            argument has no axes of space.
    """
    if name in space.choices:
        raise ValueError(f"the space has a choice {name!r} already: give another name.")
    if not scales or min(scales) <= 0:
        raise ValueError(f"scales must be one or more, each above 0, got {list(scales)}.")
    choices = {name: Choice(sorted(scales), ordered=False), **space.choices}
    return changed(space, partial(_built, space, name), choices)


def _built(space: SearchSpace, name: str, architecture: Mapping[str, Any]) -> nn.Module:
    module = space.build({own: v for own, v in architecture.items() if own != name})
    module.register_forward_pre_hook(Resizing(architecture[name]))
    return module
