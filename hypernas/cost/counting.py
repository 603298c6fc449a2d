"""Counting the floating-point operations of whatever is computed."""

import contextlib
import warnings
from collections.abc import Iterator

from torch.backends import cudnn, mha, mkldnn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from hypernas.cost.formulas import formulas
from hypernas.cost.uncounted import Uncounted


@contextlib.contextmanager
def counting() -> Iterator[FlopCounterMode]:
    """Torch's own counter: matrix products, convolutions and attention, 2 for each multiply-add.

    While it lasts torch computes without the fused kernels that the counter takes for nothing: those
    of attention, of LSTMs and of whole transformer layers. So a count is the same on every device,
    and the backward pass of attention costs twice the forward pass, as that of any product does,
    though fused kernels compute its scores again. Products that torch has no formula for, or a wrong
    one, have one here (`formulas`). Look-ups and sums of embeddings, gathering and scattering are
    element-wise work, which is left out.

    Warns, naming them, of operations that multiply without a formula: decompositions of matrices,
    quantized layers, operations of other libraries.
    """
    counter = FlopCounterMode(display=False, custom_mapping=formulas())
    uncounted = Uncounted(counter.flop_registry)
    # entered before the counter, it sees what the counter has taken apart
    with sdpa_kernel(SDPBackend.MATH), _without_fused_layers(), uncounted, counter:
        yield counter
    if uncounted.names:
        warnings.warn(
            f"no FLOPs are counted of the operations {sorted(uncounted.names)}, for which there is no "
            f"formula: give one with torch.utils.flop_counter.register_flop_formula(torch.ops...), also "
            f"where it is to be 0.",
            stacklevel=3,
        )


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
