"""Encoder-decoder transformers, elastic on both sides, after Hardware-Aware Transformers."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.slicing import PREFIX
from hypernas.space import SearchSpace
from hypernas.space.choice import Choice
from hypernas.spaces.attention import CrossAttention, Past, SelfAttention
from hypernas.spaces.transformer_block import FeedForward, TransformerBlock
from hypernas.spaces.translation_features import FEATURES

# Legend: N pairs of a source of S symbols and a target of T symbols, V symbols in the vocabulary,
# E channels of the encoder, D of the decoder.


class DecoderBlock(nn.Module):
    """Causal attention, attention to the last encoder layers, feed-forward; norms stand before."""

    def __init__(
        self,
        *,
        model_dim: int,
        memory_dim: int,
        self_heads: int,
        cross_heads: int,
        qkv_dim: int,
        hidden: int,
        attend: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.attend = attend
        self.attention_norm = nn.LayerNorm(model_dim)
        self.attention = SelfAttention(
            model_dim=model_dim, heads=self_heads, head_dim=qkv_dim // self_heads, causal=True
        )
        self.cross_norm = nn.LayerNorm(model_dim)
        self.cross_attention = CrossAttention(
            model_dim=model_dim,
            memory_dim=memory_dim,
            heads=cross_heads,
            head_dim=qkv_dim // cross_heads,
        )
        self.feed_forward_norm = nn.LayerNorm(model_dim)
        self.feed_forward = FeedForward(model_dim=model_dim, hidden=hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,  # shape: (N, T, D)
        memories: Sequence[Tensor],  # of the encoder's layers, each of shape (N, S, E)
        mask: Tensor | None,  # shape: (N, 1, 1, S), True where a position may be seen
    ) -> Tensor:  # shape: (N, T, D)
        mask = None if mask is None else mask.repeat(1, 1, 1, self.attend)
        x = x + self.dropout(self.attention(self.attention_norm(x)))
        attended = self.cross_attention.attend(self.cross_norm(x), self.remember(memories), mask)
        x = x + self.dropout(attended)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))

    def remember(self, memories: Sequence[Tensor]) -> Past:
        """The keys and values of the encoder's layers that are attended to."""
        return self.cross_attention.remember(torch.cat(list(memories[-self.attend :]), dim=1))

    def advance(
        self,
        x: Tensor,  # shape: (N, 1, D), of the next position
        past: Past,  # of the target
        memory: Past,  # of the source
        mask: Tensor | None,  # shape: (N, 1, 1, S)
    ) -> tuple[Tensor, Past]:  # shape: (N, 1, D), and the past of the position after it
        """The output of `forward` at the next position, without dropout."""
        mask = None if mask is None else mask.repeat(1, 1, 1, self.attend)
        attended, past = self.attention.advance(self.attention_norm(x), past)
        x = x + attended
        x = x + self.cross_attention.attend(self.cross_norm(x), memory, mask)
        return x + self.feed_forward(self.feed_forward_norm(x)), past


class EncoderDecoder(nn.Module):
    """Source and target -> logits of the symbol that follows each target position.

    One embedding is that of the source, that of the target and the head. It has as many columns as
    the wider side needs, and the narrower side reads the first ones.
    """

    source_positions: Tensor
    target_positions: Tensor

    def __init__(
        self,
        *,
        length: int,
        vocabulary: int,
        encoder_dim: int,
        decoder_dim: int,
        encoder: Sequence[TransformerBlock],
        decoder: Sequence[DecoderBlock],
        padding: int | None,
        widest: int,
        encoder_dropout: float,
        decoder_dropout: float,
    ) -> None:
        super().__init__()
        self.encoder_dim, self.decoder_dim, self.padding = encoder_dim, decoder_dim, padding
        self.embedding = nn.Embedding(vocabulary, max(encoder_dim, decoder_dim))
        nn.init.normal_(self.embedding.weight, std=widest**-0.5)
        positions = _sines(length, widest)
        self.register_buffer("source_positions", positions[:, :encoder_dim].clone(), False)
        self.register_buffer("target_positions", positions[:, :decoder_dim].clone(), False)
        self.encoder = nn.ModuleList(encoder)
        self.encoder_norm = nn.LayerNorm(encoder_dim)
        self.decoder = nn.ModuleList(decoder)
        self.decoder_norm = nn.LayerNorm(decoder_dim)
        self.encoder_dropout = nn.Dropout(encoder_dropout)
        self.decoder_dropout = nn.Dropout(decoder_dropout)

    def forward(
        self,
        source: Tensor,  # shape: (N, S)
        target: Tensor,  # shape: (N, T)
    ) -> Tensor:  # shape: (N, T, V)
        mask = self._seen(source)
        memories = self.encode(source, mask)
        x = self._embedded(target, self.decoder_dim)
        x = self.decoder_dropout(x + self.target_positions[: target.shape[1]])
        for block in self.decoder:
            x = block(x, memories, mask)
        return self._logits(x)

    def start(self, source: Tensor) -> tuple[Tensor, ...]:
        """The state of decoding before the first symbol: see `hypernas.decoding.Translator`.

        Returns:
            the source, of shape (N, S), then of each decoder layer the keys and values of the target, of no positions yet, and
            those of the encoder's layers.
        """
        memories = self.encode(source, self._seen(source))
        state = [source]
        for block in self._blocks:
            state += [*block.attention.no_past(source.shape[0]), *block.remember(memories)]
        return tuple(state)

    def advance(self, symbols: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """The logits of the symbol that follows one more of each target, and the state after it.

        Args:
            symbols: shape (N,).

        Returns:
            logits of shape (N, V), then the state as `start` gives it.
        """
        source, *kept = state
        mask, position = self._seen(source), kept[0].shape[2]
        x = self._embedded(symbols[:, None], self.decoder_dim)
        x = x + self.target_positions.narrow(0, position, 1)
        after = [source]
        for i, block in enumerate(self._blocks):
            k, v, keys, values = kept[4 * i : 4 * i + 4]
            x, past = block.advance(x, (k, v), (keys, values), mask)
            after += [*past, keys, values]
        return self._logits(x)[:, 0], *after

    @property
    def _blocks(self) -> Sequence[DecoderBlock]:
        return cast(Sequence[DecoderBlock], self.decoder)

    def encode(self, source: Tensor, mask: Tensor | None) -> list[Tensor]:  # each (N, S, E)
        """The output of every encoder layer, after the encoder's norm."""
        x = self._embedded(source, self.encoder_dim)
        x = self.encoder_dropout(x + self.source_positions[: source.shape[1]])
        memories = []
        for block in self.encoder:
            x = block(x, mask)
            memories.append(self.encoder_norm(x))
        return memories

    def _seen(self, source: Tensor) -> Tensor | None:  # shape: (N, 1, 1, S)
        return None if self.padding is None else (source != self.padding)[:, None, None, :]

    def _embedded(self, symbols: Tensor, dim: int) -> Tensor:  # shape: (..., dim)
        return self.embedding(symbols)[..., :dim] * dim**0.5

    def _logits(self, x: Tensor) -> Tensor:  # shape: (N, T, V)
        head = self.embedding.weight[:, : self.decoder_dim]
        return nn.functional.linear(self.decoder_norm(x), head)


def _sines(length: int, dim: int) -> Tensor:  # shape: (length, dim)
    """Positions as sines and cosines in turn, of ever lower frequencies (Vaswani et al., 2017, section 3.5)."""
    frequencies = 10_000 ** (-torch.arange(0, dim, 2) / dim)
    angles = torch.arange(length)[:, None] * frequencies
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :dim]


@checked
def seq2seq(
    *,
    input_shape: Sequence[int],
    num_classes: int,
    encoder_depths: Sequence[int] = (2, 3),
    decoder_depths: Sequence[int] = (1, 2, 3),
    encoder_dims: Sequence[int] = (48, 64),
    decoder_dims: Sequence[int] = (48, 64),
    encoder_ffn_dims: Sequence[int] = (96, 128, 192),
    decoder_ffn_dims: Sequence[int] = (96, 128, 192),
    heads: Sequence[int] = (2, 4),
    qkv_dim: int = 64,
    attend: Sequence[int] = (1, 2),
    padding: int | None = None,
    dropout: float = 0.0,
    encoding: Literal["aggr", "fine"] | None = None,
) -> SearchSpace:
    """Translators, called with a source and a target of at most input_shape = (length,) symbols.

    The space of Wang et al., "HAT: Hardware-aware transformers for efficient natural language
    processing", 2020, arXiv 2005.14187. Theirs for WMT is `encoder_depths=[6]`, `decoder_depths=[1,
    2, 3, 4, 5, 6]`, `encoder_dims=decoder_dims=[512, 640]`, `heads=[4, 8]`, `qkv_dim=512`,
    `encoder_ffn_dims=decoder_ffn_dims=[1024, 2048, 3072]`, `attend=[1, 2, 3]`. As there, queries,
    keys and values have `qkv_dim` channels in every subnet and the heads divide them among
    themselves, so the number of heads changes no shape; and one embedding of `num_classes` symbols
    serves source, target and head, scaled by the root of a side's channels where symbols enter. Positions are
    sines of the widest side's frequencies, of which every width has the first. We deviate in norms before the layers
    instead of after, and GELU instead of ReLU.

    Choices: `encoder_depth`, `encoder_dim`, `decoder_depth`, `decoder_dim`; for each encoder layer
    i that is there: `encoder_heads_i`, `encoder_ffn_i`; and for each decoder layer i:
    `decoder_heads_i`, `cross_heads_i` (of the attention to the encoder), `decoder_ffn_i`, and
    `attend_i`, how many of the last encoder layers it attends to (HAT's arbitrary attention).

    Args:
        encoder_depths, decoder_depths, encoder_dims, decoder_dims: to choose from.
        encoder_ffn_dims, decoder_ffn_dims: units of the feed-forward layers, to choose from.
        heads: of every attention, to choose from; each must divide qkv_dim.
        qkv_dim: channels of all heads together.
        attend: to choose from, at most the smallest encoder depth.
        padding: the symbol that fills up sources and is not attended to; None if there is none.
        dropout: of the embeddings and of what each layer adds, on the widest of a side; narrower ones have less in
            proportion to their channels.
        encoding: features that generators read: None for those of the choices, or as published with Mixture-of-Supernets "aggr",
            means over layers, or "fine", each layer (see `hypernas.spaces.translation_features`).

    Raises:
        ValueError: if the input has not one axis, the heads do not divide qkv_dim, or a decoder
            layer could attend to more layers than the encoder has.
    """
    if len(input_shape) != 1:
        raise ValueError(
            f"space=seq2seq needs sequences of shape (length,), got the shape {tuple(input_shape)}."
        )
    if any(number < 1 or qkv_dim % number for number in heads):
        raise ValueError(f"heads must divide qkv_dim={qkv_dim}, got {list(heads)}.")
    if encoding not in (None, *FEATURES):
        raise ValueError(f"encoding must be one of {[*FEATURES]}, or None, got {encoding!r}.")
    if not 1 <= min(attend) <= max(attend) <= min(encoder_depths):
        raise ValueError(
            f"attend must be between 1 and the smallest encoder depth, {min(encoder_depths)}, "
            f"got {list(attend)}."
        )
    choices: dict[str, Choice | Sequence[Any]] = {
        "encoder_depth": list(encoder_depths),
        "encoder_dim": list(encoder_dims),
    }
    for i in range(max(encoder_depths)):
        there = {"encoder_depth": [depth for depth in encoder_depths if depth > i]}
        choices[f"encoder_heads_{i}"] = Choice(heads, when=there)
        choices[f"encoder_ffn_{i}"] = Choice(encoder_ffn_dims, when=there)
    choices |= {"decoder_depth": list(decoder_depths), "decoder_dim": list(decoder_dims)}
    for i in range(max(decoder_depths)):
        there = {"decoder_depth": [depth for depth in decoder_depths if depth > i]}
        choices[f"decoder_heads_{i}"] = Choice(heads, when=there)
        choices[f"cross_heads_{i}"] = Choice(heads, when=there)
        choices[f"decoder_ffn_{i}"] = Choice(decoder_ffn_dims, when=there)
        choices[f"attend_{i}"] = Choice(attend, when=there)
    build = partial(
        _build,
        qkv_dim=qkv_dim,
        length=input_shape[0],
        vocabulary=num_classes,
        padding=padding,
        encoder_dropout=dropout / max(encoder_dims),
        decoder_dropout=dropout / max(decoder_dims),
        widest=max(*encoder_dims, *decoder_dims),
    )
    # Heads that divide the same channels otherwise, and layers that attend to fewer, compute what no
    # part of the largest network does: prefixes are meant, as in HAT.
    features = None if encoding is None else partial(FEATURES[encoding], _ranges(choices))
    return SearchSpace(choices, build, layouts={"*": PREFIX}, features=features)


def _ranges(choices: Mapping[str, Any]) -> dict[str, Sequence[float]]:
    """The values of each choice, of layers that of the first."""
    return {
        name.removesuffix("_0"): choice.values if isinstance(choice, Choice) else choice
        for name, choice in choices.items()
        if name.endswith("_0") or not name[-1].isdigit()
    }


def _build(
    architecture: Mapping[str, Any],
    *,
    qkv_dim: int,
    encoder_dropout: float,  # per channel
    decoder_dropout: float,
    **fixed: Any,
) -> EncoderDecoder:
    encoder_dim, decoder_dim = architecture["encoder_dim"], architecture["decoder_dim"]
    encoder_dropout, decoder_dropout = encoder_dropout * encoder_dim, decoder_dropout * decoder_dim
    encoder = [
        TransformerBlock(
            model_dim=encoder_dim,
            heads=architecture[f"encoder_heads_{i}"],
            head_dim=qkv_dim // architecture[f"encoder_heads_{i}"],
            hidden=architecture[f"encoder_ffn_{i}"],
            dropout=encoder_dropout,
        )
        for i in range(architecture["encoder_depth"])
    ]
    decoder = [
        DecoderBlock(
            model_dim=decoder_dim,
            memory_dim=encoder_dim,
            self_heads=architecture[f"decoder_heads_{i}"],
            cross_heads=architecture[f"cross_heads_{i}"],
            qkv_dim=qkv_dim,
            hidden=architecture[f"decoder_ffn_{i}"],
            attend=architecture[f"attend_{i}"],
            dropout=decoder_dropout,
        )
        for i in range(architecture["decoder_depth"])
    ]
    return EncoderDecoder(
        encoder_dim=encoder_dim,
        decoder_dim=decoder_dim,
        encoder=encoder,
        decoder=decoder,
        encoder_dropout=encoder_dropout,
        decoder_dropout=decoder_dropout,
        **fixed,
    )
