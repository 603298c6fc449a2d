"""Operations that multiply, and that no formula of FLOPs is known for."""

import functools
import re
from collections.abc import Container
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_TORCH = ("aten", "prim", "prims", "quantized", "sparse", "mkldnn", "onednn", "_quantized")
_PRODUCTS = re.compile(
    r"mm(?![a-z])|mv(?![a-z])|dot(?![a-z])|matmul|gemm|gemv|einsum|conv(?!ert)|linear|attention|attn"
    r"|rnn|lstm|gru|fft|linalg|cholesky|solve|qr(?![a-z])|svd|lstsq|geqrf|householder|encoder_layer"
)
_NO_PRODUCTS = re.compile(
    r"upsample|thnn|check_errors|pack$|vector_norm|linalg_cross|fftfreq|weight$|convert|reorder|embedding"
)


class Uncounted(TorchDispatchMode):
    """Looks on at what is computed, and keeps the names of what multiplies without a formula.

    Torch's own operations are told by their names. Of others all count that read two tensors of
    numbers or more, and are not said to be element-wise. What is no operation of torch (a kernel that is
    called from Python as it is) cannot be seen.

    Args:
        counted: operations with a formula.

    Attributes:
        names: "aten::linalg_inv_ex", ...
    """

    supports_higher_order_operators = True

    def __init__(self, counted: Container[Any]) -> None:
        super().__init__()
        self._counted = counted
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if isinstance(func, OpOverload) and func._overloadpacket not in self._counted:
            several = _foreign(func) and _num_floating(args, kwargs) > 1
            if several or _multiplies(func):
                self.names.add(func._schema.name)
        return func(*args, **kwargs)


@functools.cache
def _multiplies(operation: OpOverload) -> bool:
    name = operation._opname
    named = _PRODUCTS.search(name) and not _NO_PRODUCTS.search(name)
    return bool(named) and torch.Tag.pointwise not in operation.tags


@functools.cache
def _foreign(operation: OpOverload) -> bool:
    return operation.namespace not in _TORCH and torch.Tag.pointwise not in operation.tags


def _num_floating(args: Any, kwargs: Any) -> int:
    tensors = (leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))
    return sum(tensor.is_floating_point() or tensor.is_complex() for tensor in tensors)
