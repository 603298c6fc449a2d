"""The encoder-decoder transformer that translators are made of, and what decoding keeps of it."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from hypernas.spaces.attention import CrossAttention, Memory, SelfAttention
from hypernas.spaces.bound import bound
from hypernas.spaces.transformer_block import FeedForward, TransformerBlock

# Legend: N pairs of a source of S symbols and a target of T symbols, V symbols in the vocabulary,
# E channels of the encoder, D of the decoder.

Step = Callable[..., tuple[Tensor, ...]]  # symbols and a state -> logits and the state after them
BlockStep = Callable[
    [
        Tensor,  # shape: (N, D), of the next position
        Tensor,  # the past of the target: see `SelfAttention.stepper`
        Memory,  # of the source
        Tensor
        | None,  # shape: (N, 1, 1, S times the layers attended to, or more): see `EncoderDecoder.start`
    ],
    tuple[Tensor, Tensor],  # shape: (N, D), and the past of the position after it
]


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
        if mask is not None and self.attend > 1:
            mask = torch.cat([mask] * self.attend, dim=3)
        x = x + self.dropout(self.attention(self.attention_norm(x)))
        attended = self.cross_attention.attend(self.cross_norm(x), self.remember(memories), mask)
        x = x + self.dropout(attended)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))

    def remember(self, memories: Sequence[Tensor]) -> Memory:
        """The keys and values of the encoder's layers that are attended to."""
        return self.cross_attention.remember(torch.cat(list(memories[-self.attend :]), dim=1))

    def stepper(self) -> BlockStep:
        """A function of the next position: the output of `forward` there, without dropout."""
        attention, attention_norm = self.attention.stepper(), bound(self.attention_norm)
        cross_attention, cross_norm = self.cross_attention.stepper(), bound(self.cross_norm)
        feed_forward, feed_forward_norm = self.feed_forward.stepper(), bound(self.feed_forward_norm)

        def step(
            x: Tensor, past: Tensor, memory: Memory, unseen: Tensor | None
        ) -> tuple[Tensor, Tensor]:
            if unseen is not None:
                unseen = unseen[..., : memory[0].shape[2]]
            attended, past = attention(attention_norm(x), past)
            x = x + attended
            x = x + cross_attention(cross_norm(x), memory, unseen)
            return x + feed_forward(feed_forward_norm(x)), past

        return step


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
        return self._logits(x, self._columns(self.decoder_dim))

    def start(self, source: Tensor) -> tuple[Tensor, ...]:
        """The state of decoding before the first symbol: see `hypernas.decoding.Translator`.

        Returns:
            where there is padding, what is added to how much each position of the sources is attended to, 0 or minus infinity, of
            shape (N, 1, 1, S times the most layers that are attended to); then of each decoder layer the keys and values of
            the target in one, of no positions yet, and the keys and the values of the encoder's layers.
        """
        seen = self._seen(source)
        memories = self.encode(source, seen)
        state = [] if seen is None else [self._unseen(seen)]
        for block in self._blocks:
            state += [block.attention.no_past(source.shape[0]), *block.remember(memories)]
        return tuple(state)

    def advance(self, symbols: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """The logits of the symbol that follows one more of each target, and the state after it.

        Args:
            symbols: shape (N,).

        Returns:
            logits of shape (N, V), then the state as `start` gives it.
        """
        return self.stepper()(symbols, *state)

    def stepper(self) -> Step:
        """A function that does what `advance` does, and looks up the weights now: for many steps with the same ones."""
        num = 0 if self.padding is None else 1
        # read once, so that an exported step holds them once
        columns, scale, positions = (
            self._columns(self.decoder_dim),
            self.decoder_dim**0.5,
            self.target_positions,
        )
        blocks, norm = [block.stepper() for block in self._blocks], bound(self.decoder_norm)

        def step(symbols: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            unseen = state[0] if num else None
            x = nn.functional.embedding(symbols, columns) * scale
            x = x + positions[state[num].shape[3]]
            after = [*state]
            for place, block in zip(range(num, len(state), 3), blocks, strict=True):
                past, keys, values = state[place : place + 3]
                x, after[place] = block(x, past, (keys, values), unseen)
            return nn.functional.linear(norm(x), columns), *after

        return step

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

    def _unseen(self, seen: Tensor) -> Tensor:
        """The mask as it is added, once for all symbols and layers, which may attend to several of the encoder's."""
        added = torch.zeros_like(seen, dtype=self.embedding.weight.dtype)
        added = added.masked_fill(~seen, -torch.inf)
        return added.repeat(1, 1, 1, max(block.attend for block in self._blocks))

    def _embedded(self, symbols: Tensor, dim: int) -> Tensor:  # shape: (..., dim)
        return self.embedding(symbols)[..., :dim] * dim**0.5

    def _columns(self, dim: int) -> Tensor:  # shape: (V, dim)
        """The embedding's columns for a side."""
        whole = self.embedding.weight
        return whole if whole.shape[1] == dim else whole[:, :dim]

    def _logits(self, x: Tensor, columns: Tensor) -> Tensor:  # shape: (..., D) -> (..., V)
        return nn.functional.linear(self.decoder_norm(x), columns)


def _sines(length: int, dim: int) -> Tensor:  # shape: (length, dim)
    """Positions as sines and cosines in turn, of ever lower frequencies (Vaswani et al., 2017, section 3.5)."""
    frequencies = 10_000 ** (-torch.arange(0, dim, 2) / dim)
    angles = torch.arange(length)[:, None] * frequencies
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :dim]
