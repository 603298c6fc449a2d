"""Other batches than the given one, on which a program is compared with its generator too.

A program may have taken sizes of the example for constants without a word (torch.onnx 2.13 does for recurrent layers
over an axis that it was told may have any size), and rows of attention that see nothing are 0, a mean of all values or
NaN by runtime, opset and the way of masking.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypernas.subnet.arguments import Arguments
from hypernas.subnet.batch import batch_size, resized
from hypernas.subnet.masks import masks_of, padded

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
    """Another number of examples and, where there are masks, padded examples: see `hypernas.subnet.masks`."""
    size = batch_size(arguments)
    if size is None:
        return
    yield Probe(f"a batch of {size + 1}", resized(arguments, size + 1))
    masks = masks_of(module, arguments)
    if not masks:
        return
    lengths = {mask.shape[1] for mask in masks}

    def present(y: Tensor) -> Tensor:
        """All of an example whose end is padded; of one whose start is, what is present."""
        if not y.dim() or len(y) != _EXAMPLES:
            return y.new_zeros(0)
        if y.dim() == 1 or y.shape[1] not in lengths:
            return y[:2]
        return torch.cat([y[0], y[1, y.shape[1] // 2 :]])

    def absent(y: Tensor) -> Tensor:
        return y[2:] if y.dim() and len(y) == _EXAMPLES else y.new_zeros(0)

    batch = padded(arguments, masks, num=_EXAMPLES)
    yield Probe("a padded batch", batch, padding=True, whole=False, counted=present)
    yield Probe("padding alone", batch, padding=True, whole=True, counted=absent)
