"""Vision transformers, elastic in depth, channels, and the heads and feed-forward of each layer."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.space.choice import Choice
from hypernas.spaces.attention import FUSED_QKV
from hypernas.spaces.transformer_block import TransformerBlock

Pool = Literal["class", "mean"]

# Legend: N images of P patches, D channels, C classes.


class VisionTransformer(nn.Module):
    """Patches by a convolution, learned positions, layers, a norm, and a linear head.

    With pool "class" a learned token stands before the patches and is what the head reads; with
    "mean" the head reads the mean over patches.
    """

    def __init__(
        self,
        *,
        inputs: int,
        num_patches: int,
        patch_size: int,
        embed_dim: int,
        blocks: Sequence[TransformerBlock],
        num_classes: int,
        pool: Pool,
        dropout: float,
    ) -> None:
        super().__init__()
        num_tokens = num_patches + (pool == "class")
        self.patches = nn.Conv2d(inputs, embed_dim, patch_size, patch_size)
        self.positions = nn.Parameter(torch.empty(num_tokens, embed_dim))
        nn.init.normal_(self.positions, std=0.02)
        self.class_token = nn.Parameter(torch.empty(embed_dim)) if pool == "class" else None
        if self.class_token is not None:
            nn.init.normal_(self.class_token, std=0.02)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(embed_dim)
        self.head = nn.Linear(embed_dim, num_classes)

    def forward(
        self,
        x: Tensor,  # shape: (N, channels, height, width)
    ) -> Tensor:  # shape: (N, C)
        x = self.patches(x).flatten(2).transpose(1, 2)  # (N, P, D)
        if self.class_token is not None:
            x = torch.cat([self.class_token.expand(x.shape[0], 1, -1), x], dim=1)
        x = self.dropout(x + self.positions)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.head(x.mean(1) if self.class_token is None else x[:, 0])


@checked
def vit(
    *,
    input_shape: Sequence[int],
    num_classes: int,
    patch_size: int = 4,
    depths: Sequence[int] = (2, 3, 4),
    embed_dims: Sequence[int] = (32, 48, 64),
    heads: Sequence[int] = (2, 3, 4),
    head_dim: int = 16,
    ratios: Sequence[float] = (2, 3, 4),
    pool: Pool = "class",
    dropout: float = 0.0,
) -> SearchSpace:
    """Vision transformers over images of shape (channels, height, width).

    The space of Chen et al., "AutoFormer: Searching transformers for visual recognition", 2021,
    arXiv 2107.00651. Its tiny supernet is `patch_size=16`, `depths=[12, 13, 14]`,
    `embed_dims=[192, 216, 240]`, `heads=[3, 4]`, `head_dim=64`, `ratios=[3.5, 4]`. We deviate in two
    points: positions are absolute only, and a subnet's queries, keys and values are those of the
    first heads, where AutoFormer interleaves the rows of the three matrices.

    Choices: `depth`, `embed_dim`; and for each layer i that is there: `heads_i`, and `ratio_i`,
    the feed-forward units in units of the embedding.

    Args:
        patch_size: height and width of a patch, which must divide those of the image.
        depths, embed_dims, heads, ratios: to choose from.
        head_dim: channels of a head, the same in every subnet.
        pool: "class" for a class token, "mean" for the mean over patches.
        dropout: of the embedding and of what each layer adds.

    Raises:
        ValueError: if the input has not three axes, cannot be cut into patches, or the pool is
            unknown.
    """
    if len(input_shape) != 3:
        raise ValueError(
            f"space=vit needs images of (channels, height, width), "
            f"got the shape {tuple(input_shape)}."
        )
    if patch_size < 1 or any(size % patch_size for size in input_shape[1:]):
        raise ValueError(
            f"patch_size must divide the height and width of {tuple(input_shape[1:])}, "
            f"got {patch_size}."
        )
    if pool not in ("class", "mean"):
        raise ValueError(f"pool must be class or mean, got {pool!r}.")
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
        inputs=input_shape[0],
        num_patches=math.prod(size // patch_size for size in input_shape[1:]),
        patch_size=patch_size,
        head_dim=head_dim,
        num_classes=num_classes,
        pool=pool,
        dropout=dropout,
    )
    images = torch.randn(1, *input_shape, generator=torch.Generator().manual_seed(0))
    return SearchSpace(choices, build, layouts=FUSED_QKV, inputs=images)


def _build(
    architecture: Mapping[str, Any], *, head_dim: int, dropout: float, **fixed: Any
) -> VisionTransformer:
    embed_dim = architecture["embed_dim"]
    blocks = [
        TransformerBlock(
            model_dim=embed_dim,
            heads=architecture[f"heads_{i}"],
            head_dim=head_dim,
            hidden=round(embed_dim * architecture[f"ratio_{i}"]),
            dropout=dropout,
        )
        for i in range(architecture["depth"])
    ]
    return VisionTransformer(embed_dim=embed_dim, blocks=blocks, dropout=dropout, **fixed)
