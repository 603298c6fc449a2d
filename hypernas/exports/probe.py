"""Other batches than the given one, on which a program is compared with its generator too.

A program may have taken sizes of the example for constants without a word (torch.onnx 2.13 does for recurrent layers
over an axis that it was told may have any size), and rows of attention that see nothing are 0, a mean of all values or
NaN by runtime, opset and the way of masking.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.exports.batch import batch_size, resized
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.structure import map_tensors, named_tensors

_EXAMPLES = 3  # of a padded batch: its end, its start, all of it

Counted = Callable[[Tensor], Tensor]  # an output -> the entries that are compared


@dataclass(frozen=True)
class Probe:
    """A batch, and the entries of outputs that are compared.

    Attributes:
        of: words for the batch.
        padding: True if it is the given one with other masks, which a module may refuse.
        whole: True if only examples count that are padded from end to end, for which nothing is right.
        counted: of each output; the others belong to what is padded.
    """

    of: str
    arguments: Arguments
    padding: bool = False
    whole: bool = False
    counted: Counted = lambda outputs: outputs


def probes(module: nn.Module, arguments: Arguments) -> Iterator[Probe]:
    """Another number of examples and, where there are masks, padded examples.

    Masks are tensors of shape (N, T) that are truth values, or that are called so and hold 0 and 1 only. Present
    is what most entries of a mask say.
    """
    size = batch_size(arguments)
    if size is None:
        return
    yield Probe(f"a batch of {size + 1}", resized(arguments, size + 1))
    masks = _masks(module, arguments)
    if not masks:
        return
    lengths = {mask.shape[1] for mask in masks.values()}

    def own(x: Tensor) -> Tensor:
        if id(x) in masks:
            return _padded(x)
        return x[torch.arange(_EXAMPLES) % size] if x.dim() and len(x) == size else x

    def present(y: Tensor) -> Tensor:
        """All of an example whose end is padded; of one whose start is, what is present."""
        if not y.dim() or len(y) != _EXAMPLES:
            return y.new_zeros(0)
        if y.dim() == 1 or y.shape[1] not in lengths:
            return y[:2]
        return torch.cat([y[0], y[1, y.shape[1] // 2 :]])

    def absent(y: Tensor) -> Tensor:
        return y[2:] if y.dim() and len(y) == _EXAMPLES else y.new_zeros(0)

    padded = map_tensors(own, arguments)
    yield Probe("a padded batch", padded, padding=True, whole=False, counted=present)
    yield Probe("padding alone", padded, padding=True, whole=True, counted=absent)


def _masks(module: nn.Module, arguments: Arguments) -> dict[int, Tensor]:
    """Identity of each mask among the arguments -> the mask."""
    bound: Mapping[str, Any] = (
        inspect.signature(module.forward)
        .bind(*arguments.positional, **arguments.keywords)
        .arguments
    )
    size = batch_size(arguments)
    return {
        id(x): x
        for name, x in named_tensors(bound)
        if x.dim() == 2 and len(x) == size and x.shape[1] > 1 and _is_mask(name, x)
    }


def _is_mask(name: str, tensor: Tensor) -> bool:
    if tensor.dtype == torch.bool:
        return True
    return "mask" in name and bool(((tensor == 0) | (tensor == 1)).all())


def _padded(mask: Tensor) -> Tensor:
    """Masks of three examples: of the first the end is padded, of the second the start, of the third all."""
    present = mask.double().mean().round().to(mask.dtype)
    found = present.repeat(_EXAMPLES, mask.shape[1])
    absent = ~present if mask.dtype == torch.bool else 1 - present
    half = mask.shape[1] // 2
    found[0, mask.shape[1] - half :] = absent
    found[1, :half] = absent
    found[2] = absent
    return found
