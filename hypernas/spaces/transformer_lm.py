"""Decoder-only language models, elastic in depth, channels, and the heads and width of layers."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.space.choice import Choice
from hypernas.spaces.attention import FUSED_QKV
from hypernas.spaces.transformer_block import TransformerBlock

# Legend: N sequences of T symbols, D channels, V symbols in the vocabulary.


class LanguageModel(nn.Module):
    """Embedding, learned positions, causal layers, a norm, and the embedding again as the head."""

    def __init__(
        self,
        *,
        context: int,
        vocabulary: int,
        embed_dim: int,
        embed_std: float,
        blocks: Sequence[TransformerBlock],
        dropout: float,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embed_dim)
        nn.init.normal_(self.embedding.weight, std=embed_std)
        self.positions = nn.Parameter(torch.empty(context, embed_dim))
        nn.init.normal_(self.positions, std=embed_std)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(embed_dim)
        self.head = nn.Linear(embed_dim, vocabulary, bias=False)
        self.head.weight = self.embedding.weight

    def forward(
        self,
        tokens: Tensor,  # shape: (N, T), T at most the context
    ) -> Tensor:  # shape: (N, T, V), logits of each next symbol
        x = self.dropout(self.embedding(tokens) + self.positions[: tokens.shape[1]])
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


@checked
def transformer_lm(
    *,
    input_shape: Sequence[int],
    num_classes: int,
    depths: Sequence[int] = (2, 3, 4),
    embed_dims: Sequence[int] = (64, 96, 128),
    heads: Sequence[int] = (2, 3, 4),
    head_dim: int = 32,
    ratios: Sequence[float] = (2, 3, 4),
    embed_std: float | None = None,
    dropout: float = 0.0,
) -> SearchSpace:
    """Language models over symbols; inputs have shape (context,), classes are the vocabulary.

    Norms stand before the layers, and the embedding is also the head, as in GPT-2 (Radford et al.,
    "Language models are unsupervised multitask learners", 2019), whose smallest is `depths=[12]`,
    `embed_dims=[768]`, `heads=[12]`, `head_dim=64`, `ratios=[4]`. What is elastic is as in
    AutoFormer (Chen et al., 2021, arXiv 2107.00651).

    Choices: `depth`, `embed_dim`; and for each layer i that is there: `heads_i`, and `ratio_i`,
    the feed-forward units in units of the embedding.

    Args:
        depths, embed_dims, heads, ratios: to choose from.
        head_dim: channels of a head, the same in every subnet.
        embed_std: standard deviation of the embedding and the positions at the start; None for the
            inverse square root of the largest `embed_dims`. GPT-2's 0.02 is for 768 channels or more:
            with 32 it cost half of the first 600 steps.
        dropout: of the embedding and of what each layer adds.

    Raises:
        ValueError: if the input has not one axis, or `embed_std` is not positive.
    """
    if len(input_shape) != 1:
        raise ValueError(
            f"space=transformer_lm needs sequences of shape (context,), "
            f"got the shape {tuple(input_shape)}."
        )
    if embed_std is not None and embed_std <= 0:
        raise ValueError(f"embed_std must be positive, or null, got {embed_std}.")
    choices: dict[str, Choice | Sequence[Any]] = {
        "depth": list(depths),
        "embed_dim": list(embed_dims),
    }
    for i in range(max(depths)):
        there = {"depth": [depth for depth in depths if depth > i]}
        choices[f"heads_{i}"] = Choice(heads, when=there)
        choices[f"ratio_{i}"] = Choice(ratios, when=there)
    build = partial(
        _build,
        context=input_shape[0],
        vocabulary=num_classes,
        head_dim=head_dim,
        embed_std=max(embed_dims) ** -0.5 if embed_std is None else embed_std,
        dropout=dropout,
    )
    return SearchSpace(choices, build, layouts=FUSED_QKV)


def _build(
    architecture: Mapping[str, Any],
    *,
    context: int,
    vocabulary: int,
    head_dim: int,
    embed_std: float,
    dropout: float,
) -> LanguageModel:
    embed_dim = architecture["embed_dim"]
    blocks = [
        TransformerBlock(
            model_dim=embed_dim,
            heads=architecture[f"heads_{i}"],
            head_dim=head_dim,
            hidden=round(embed_dim * architecture[f"ratio_{i}"]),
            causal=True,
            dropout=dropout,
        )
        for i in range(architecture["depth"])
    ]
    return LanguageModel(
        context=context,
        vocabulary=vocabulary,
        embed_dim=embed_dim,
        embed_std=embed_std,
        blocks=blocks,
        dropout=dropout,
    )
