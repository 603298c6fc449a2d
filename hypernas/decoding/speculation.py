"""Speculative decoding: a small model drafts what a large one checks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.decoding.greedy import Model, greedy, likeliest


@dataclass(frozen=True)
class Speculation:
    """A sequence, and what it took.

    Attributes:
        tokens: prompt and continuation, shape (T + num,).
        num_drafted: tokens that the small model proposed.
        num_accepted: of these that the large one would have taken itself.
        num_passes: of the large model; greedy decoding takes one a token.
    """

    tokens: Tensor
    num_drafted: int
    num_accepted: int
    num_passes: int

    @property
    def acceptance(self) -> float:
        """The share of drafted tokens that were accepted; nan if none was drafted."""
        return self.num_accepted / self.num_drafted if self.num_drafted else float("nan")


@checked
@torch.no_grad()
def speculate(
    draft: Model,
    model: Model,
    prompt: Tensor,  # shape: (T,), of token indices, one or more
    num: int,
    *,
    num_drafted: int = 4,
) -> Speculation:
    """Greedy decoding of `model`, token for token, in fewer of its passes.

    The draft continues by some tokens, one pass of the model tells its own choice at each of these places, and those are
    kept up to the first that differs, which the model's own replaces (Leviathan et al., 2023, arXiv 2211.17192, where
    tokens are sampled; greedily, accepting means being equal). Members of a nested family (SortedNet, Valipour et al., 2023, arXiv
    2309.00255) draft for each other: their weights are in memory already.

    Two passes over sequences of different lengths round differently, so where two tokens are as likely to the last bits the result may be that of
    greedy decoding with the other of them.

    Args:
        draft, model: see `greedy`; of the same tokens.
        num_drafted: tokens of a draft.

    Raises:
        ValueError: if the prompt is empty, or nothing is to be drafted.
    """
    if not len(prompt) or num_drafted < 1:
        raise ValueError(
            f"a prompt of one token or more is continued by drafts of one or more, got {len(prompt)} and {num_drafted}."
        )
    tokens, end = prompt, len(prompt) + num
    drafted = accepted = passes = 0
    while len(tokens) < end:
        length = len(tokens)
        proposed = greedy(draft, tokens, min(num_drafted, end - length - 1))
        own = likeliest(model, proposed)[length - 1 :]  # one more than was drafted
        agree = (proposed[length:] == own[:-1]).long().cumprod(0)
        kept = int(agree.sum())
        tokens = torch.cat([proposed[: length + kept], own[kept : kept + 1]])
        drafted, accepted, passes = drafted + len(agree), accepted + kept, passes + 1
    return Speculation(tokens, drafted, accepted, passes)
