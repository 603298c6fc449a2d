"""The largest entries of a tensor as a mask, with a gradient that passes straight through."""

from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked


@checked
def num_kept(num: int, density: float) -> int:
    """The number of entries of a layer that are kept: n - int((1 - k) n) of n at the density k.

    As the public code of ExSSNeT has it (Yadav and Bansal, 2022, arXiv 2210.10209), which calls k sparsity.

    Raises:
        ValueError: if the density is not above 0 and at most 1.
    """
    if not 0 < density <= 1:
        raise ValueError(f"density must be above 0 and at most 1, got {density}.")
    return num - int((1 - density) * num)


class _Top(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, num: int) -> Tensor:
        places = scores.detach().abs().flatten().topk(num, sorted=False).indices
        ctx.save_for_backward(scores)
        return torch.zeros_like(scores).view(-1).index_fill_(0, places, 1).view(scores.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        (scores,) = ctx.saved_tensors
        return grads[0] * scores.sign(), None


@checked
def top(
    scores: Tensor,  # of any shape
    density: float,
) -> Tensor:  # the same shape, 1 for the largest |scores| and 0 for the others
    """Mask of the entries of largest magnitude, `num_kept` of them exactly.

    The gradient of a score is that of its mask times the sign of the score: straight through the choice, as |S|
    is what is compared (Ramanujan et al., 2020, arXiv 1911.13299; Wortsman et al., 2020, arXiv 2006.14769).

    Raises:
        ValueError: as `num_kept`.
    """
    found: Any = _Top.apply(scores.contiguous(), num_kept(scores.numel(), density))
    return found
