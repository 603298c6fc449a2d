"""Greedy decoding."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked

Model = Callable[[Tensor], Any]  # tokens, shape (1, T) -> logits of each next one, shape (1, T, V)


@checked
@torch.no_grad()
def greedy(
    model: Model,
    prompt: Tensor,  # shape: (T,), of token indices
    num: int,
) -> Tensor:  # shape: (T + num,)
    """The prompt and the `num` likeliest tokens, one after the other, each given all before it.

    Args:
        model: causal, in evaluation mode; the whole must fit its context. What it keeps of earlier tokens is not used.
    """
    tokens = prompt
    for _ in range(num):
        tokens = torch.cat([tokens, likeliest(model, tokens)[-1:]])
    return tokens


def likeliest(
    model: Model,
    tokens: Tensor,  # shape: (T,)
) -> Tensor:  # shape: (T,)
    """The likeliest next token at each place."""
    logits = model(tokens[None])
    if not isinstance(logits, Tensor) or logits.dim() != 3 or logits.shape[:2] != (1, len(tokens)):
        came = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"a model that decodes maps tokens (1, {len(tokens)}) to logits (1, {len(tokens)}, V), got {came}: wrap "
            f"one with other outputs in a function that returns them."
        )
    return logits[0].argmax(-1)
