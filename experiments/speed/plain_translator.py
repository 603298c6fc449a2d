"""An encoder-decoder in plain torch that keeps keys and values as most do: in tensors of the greatest length, written in place."""

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

# Legend: N sources of S symbols, T symbols written before, D channels, H heads of C channels.

HEADS, LAYERS = 4, 3
Kept = tuple[Tensor, Tensor]  # keys and values, each of shape (N, H, S or the greatest T, C)


class Attention(nn.Module):
    """Queries by one matrix, keys and values by another, and one that joins the heads."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query, self.both = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)
        self.join = nn.Linear(dim, dim)

    def forward(self, x: Tensor, kept: Kept, mask: Tensor | None = None) -> Tensor:
        """Attend from x (N, T, D) to what is kept."""
        queries = self.query(x).view(*x.shape[:2], HEADS, -1).transpose(1, 2)
        found = scaled_dot_product_attention(queries, *kept, attn_mask=mask)
        return self.join(found.transpose(1, 2).reshape(x.shape))

    def keys_and_values(self, x: Tensor) -> Kept:
        keys, values = self.both(x).view(*x.shape[:2], 2, HEADS, -1).permute(2, 0, 3, 1, 4)
        return keys, values


class Layer(nn.Module):
    """Norms stand before; `across` is there in the decoder alone."""

    def __init__(self, dim: int, *, decoder: bool) -> None:
        super().__init__()
        self.within, self.within_norm = Attention(dim), nn.LayerNorm(dim)
        self.across = Attention(dim) if decoder else None
        self.across_norm = nn.LayerNorm(dim) if decoder else None
        self.expand, self.contract = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.norm = nn.LayerNorm(dim)

    def fed(self, x: Tensor) -> Tensor:
        return x + self.contract(gelu(self.expand(self.norm(x))))


class PlainTranslator(nn.Module):
    """As large as the largest of the space that it stands beside; one embedding is that of source, target and head."""

    def __init__(self, dim: int, *, vocabulary: int, length: int) -> None:
        super().__init__()
        self.dim, self.length = dim, length
        self.embedding = nn.Embedding(vocabulary, dim)
        self.register_buffer("positions", torch.randn(length, dim))
        self.encoder = nn.ModuleList(Layer(dim, decoder=False) for _ in range(LAYERS))
        self.decoder = nn.ModuleList(Layer(dim, decoder=True) for _ in range(LAYERS))
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)

    @torch.inference_mode()
    def write(self, source: Tensor, num: int, *, start: int = 2) -> Tensor:  # shape: (N, num)
        """The likeliest symbols, one after the other, whatever ends."""
        seen = (source != 0)[:, None, None, :]
        memory = self._encoded(source, seen)
        across = [layer.across.keys_and_values(memory) for layer in self.decoder]
        shape = (len(source), HEADS, self.length, self.dim // HEADS)
        within = [(memory.new_empty(shape), memory.new_empty(shape)) for _ in self.decoder]
        symbols, written = torch.full((len(source), 1), start), []
        for place in range(num):
            x = self._embedded(symbols, place)
            for layer, own, other in zip(self.decoder, within, across, strict=True):
                h = layer.within_norm(x)
                for kept, new in zip(own, layer.within.keys_and_values(h), strict=True):
                    kept[:, :, place : place + 1] = new
                x = x + layer.within(h, tuple(kept[:, :, : place + 1] for kept in own))
                x = layer.fed(x + layer.across(layer.across_norm(x), other, seen))
            symbols = linear(self.decoder_norm(x), self.embedding.weight).argmax(-1)
            written.append(symbols)
        return torch.cat(written, dim=1)

    def all_again(self, source: Tensor, target: Tensor) -> Tensor:  # shape: (N, T, V)
        """Logits of every place of targets of shape (N, T), nothing kept."""
        seen = (source != 0)[:, None, None, :]
        memory = self._encoded(source, seen)
        x = self._embedded(target, 0)
        causal = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool).tril()
        for layer in self.decoder:
            h = layer.within_norm(x)
            x = x + layer.within(h, layer.within.keys_and_values(h), causal)
            across = layer.across.keys_and_values(memory)
            x = layer.fed(x + layer.across(layer.across_norm(x), across, seen))
        return linear(self.decoder_norm(x), self.embedding.weight)

    def _encoded(self, source: Tensor, seen: Tensor) -> Tensor:
        x = self._embedded(source, 0)
        for layer in self.encoder:
            h = layer.within_norm(x)
            x = layer.fed(x + layer.within(h, layer.within.keys_and_values(h), seen))
        return self.encoder_norm(x)

    def _embedded(self, symbols: Tensor, place: int) -> Tensor:
        positions = self.positions[place : place + symbols.shape[1]]
        return self.embedding(symbols) * self.dim**0.5 + positions
