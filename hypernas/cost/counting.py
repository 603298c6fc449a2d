"""Counting the floating-point operations of whatever is computed."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.backends import cudnn, mha, mkldnn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


@contextlib.contextmanager
def counting() -> Iterator[FlopCounterMode]:
    """Torch's own counter: matrix products, convolutions and attention, 2 for each multiply-add.

    While it lasts torch computes without the fused kernels that the counter takes for nothing: those
    of attention, of LSTMs and of whole transformer layers. So a count is the same on every device,
    and the backward pass of attention costs twice the forward pass, as that of any product does,
    though fused kernels compute its scores again.
    """
    counter = FlopCounterMode(display=False, custom_mapping=_OTHERS)
    with sdpa_kernel(SDPBackend.MATH), _without_fused_layers(), counter:
        yield counter


@contextlib.contextmanager
def _without_fused_layers() -> Iterator[None]:
    before = mkldnn.enabled, cudnn.enabled, mha.get_fastpath_enabled()
    try:
        mkldnn.enabled = cudnn.enabled = False
        mha.set_fastpath_enabled(False)
        yield
    finally:
        mkldnn.enabled, cudnn.enabled = before[:2]
        mha.set_fastpath_enabled(before[2])


def _mv_flops(matrix: Sequence[int], vector: Sequence[int], **_: Any) -> int:
    """Of a matrix times a vector, by their shapes; torch counts only products of matrices."""
    return 2 * matrix[0] * matrix[1]


_OTHERS = {torch.ops.aten.mv: _mv_flops}
