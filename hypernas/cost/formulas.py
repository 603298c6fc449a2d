"""FLOPs of the operations that torch's counter takes for nothing, or gets wrong.

Each is a function of the operation's arguments and of its result, `out_val`. 2 are counted for each
multiply-add of a product that sums over something; outer products by themselves are element-wise work.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import sdpa_backward_flop, sdpa_flop

Formula = Callable[..., int]


def formulas() -> dict[Any, Formula]:
    """Operation -> formula, of the operations that there are in this build of torch, and this process."""
    found: dict[Any, Formula] = {}
    for formula, names in _FORMULAS.items():
        formula._get_raw = (
            True  # torch's own mark of a formula that takes tensors, not their shapes
        )
        for name in names:
            namespace, _, operation = name.partition("::")
            if packet := getattr(getattr(torch.ops, namespace), operation, None):
                found[packet] = formula
    return found


def _matrices(a: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
    """(M, K) times (K, N) or (K,); of a sparse one, only the entries that it stores."""
    num_columns = b.shape[1] if b.dim() == 2 else 1
    if a.layout != torch.strided:
        return 2 * _num_stored(a) * num_columns
    if b.layout != torch.strided:
        return 2 * _num_stored(b) * a.shape[0]
    return 2 * a.numel() * num_columns


def _num_stored(sparse: Tensor) -> int:
    values = sparse._values() if sparse.layout == torch.sparse_coo else sparse.values()
    return values.numel()


def _plus_matrices(_: Tensor, a: Tensor, b: Tensor, *__: Any, **___: Any) -> int:
    """Something plus a product of `_matrices`."""
    return _matrices(a, b)


def _plus_batches(_: Tensor, a: Tensor, b: Tensor, *__: Any, **___: Any) -> int:
    """Something plus (B, M, K) times (B, K, N), or the sum of these over B."""
    return 2 * a.numel() * b.shape[2]


def _vectors(a: Tensor, *_: Any, **__: Any) -> int:
    return 2 * a.numel()


def _plus_outer(_: Tensor, a: Tensor, b: Tensor, *__: Any, **___: Any) -> int:
    return 2 * a.numel() * b.numel()


def _grouped(a: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
    """(G, M, K) times (G, K, N), or groups of rows, columns or summands where one has two axes."""
    return (
        2 * math.prod(a.shape[-2:]) * b.shape[-1] * (a.shape[0] if a.dim() == b.dim() == 3 else 1)
    )


def _grouped_backward(a: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
    """Both gradients of `_grouped`."""
    return 2 * _grouped(a, b)


def _convolution_backward(
    gradient: Tensor, x: Tensor, weight: Tensor, *others: Any, out_val: Any, **_: Any
) -> int:
    """As much as forward for each of the gradients of inputs and weight; torch forgets the groups.

    Of a weight (C_out, C_in / groups, ...), or transposed (C_in, C_out / groups, ...), each entry is
    multiplied once for each example and position: of the outputs, or transposed of the inputs.
    """
    positions = x if others[4] else gradient  # whether it is transposed
    forward = 2 * x.shape[0] * math.prod(positions.shape[2:]) * weight.numel()
    return forward * sum(others[7][:2])


def _trilinear(
    a: Tensor,
    b: Tensor,
    c: Tensor,
    expand_a: Sequence[int],
    expand_b: Sequence[int],
    expand_c: Sequence[int],
    summed: Sequence[int],
    *_: Any,
    **__: Any,
) -> int:
    """First a times b, summed over axes that c has not, then the result times c, as torch does it.

    Of `nn.Bilinear` that is 2 N O J (I + 1) for weights (O, I, J).
    """
    num_axes = a.dim() + len(expand_a)
    pieces = ((a, expand_a), (b, expand_b), (c, expand_c))
    sizes = [1] * num_axes
    for tensor, expanded in pieces:
        own = iter(tensor.shape)
        for axis in range(num_axes):
            if axis not in expanded:
                sizes[axis] = max(sizes[axis], next(own))
    at_first = [axis for axis in summed if axis in expand_c]
    in_pair = [axis for axis in range(num_axes) if axis not in expand_a or axis not in expand_b]
    left = {*in_pair} - {*at_first} | {axis for axis in range(num_axes) if axis not in expand_c}
    total = 2 * math.prod(sizes[axis] for axis in in_pair) if at_first else 0
    if len(at_first) < len(summed):
        total += 2 * math.prod(sizes[axis] for axis in left)
    return total


def _distances(a: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
    """Distances of rows, (..., P, M) and (..., R, M)."""
    return 2 * a.numel() * b.shape[-2]


def _distances_backward(_: Tensor, a: Tensor, b: Tensor, *__: Any, **___: Any) -> int:
    return _distances(a, b)


def _fourier(x: Tensor, axes: Sequence[int], *_: Any, out_val: Tensor, **__: Any) -> int:
    """5 n log2 n, and half of it where one side is real: the usual count of a fast transform."""
    larger = x if x.numel() > out_val.numel() else out_val
    n = math.prod(larger.shape[axis] for axis in axes)
    total = 5 * larger.numel() * math.log2(n) if n > 1 else 0
    return round(total if x.is_complex() and out_val.is_complex() else total / 2)


def _attention(q: Tensor, k: Tensor, v: Tensor, *_: Any, out_val: Any, **__: Any) -> int:
    return sdpa_flop(q, k, v, out_val=out_val)


def _attention_backward(
    gradient: Tensor, q: Tensor, k: Tensor, v: Tensor, *_: Any, out_val: Any, **__: Any
) -> int:
    return sdpa_backward_flop(gradient, q, k, v, out_val=out_val)


_FORMULAS: Mapping[Any, Sequence[str]] = {
    _matrices: ["aten::mm", "aten::mv", "aten::_int_mm"],
    _plus_matrices: [
        *("aten::addmm", "aten::addmm_", "aten::_addmm_activation", "aten::_sparse_addmm"),
        *("aten::addmv", "aten::addmv_"),
    ],
    _plus_batches: ["aten::baddbmm_", "aten::addbmm", "aten::addbmm_"],
    _vectors: ["aten::dot", "aten::vdot"],
    _plus_outer: ["aten::addr", "aten::addr_"],
    _grouped: [
        *("aten::_grouped_mm", "aten::_scaled_grouped_mm", "aten::_scaled_grouped_mm_v2"),
        *("aten::_scaled_mm_v2", "transformers::grouped_mm_fallback"),
    ],
    _grouped_backward: ["transformers::grouped_mm_fallback_backward"],
    _convolution_backward: ["aten::convolution_backward"],
    _trilinear: ["aten::_trilinear"],
    _distances: ["aten::_euclidean_dist", "aten::_cdist_forward"],
    _distances_backward: ["aten::_cdist_backward"],
    _fourier: ["aten::_fft_c2c", "aten::_fft_r2c", "aten::_fft_c2r"],
    _attention: ["aten::_scaled_dot_product_flash_attention_for_cpu"],
    _attention_backward: ["aten::_scaled_dot_product_flash_attention_for_cpu_backward"],
}
