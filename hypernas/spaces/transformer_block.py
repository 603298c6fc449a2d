"""The transformer layer that the attention spaces are made of."""

from torch import Tensor, nn

from hypernas.spaces.attention import SelfAttention
from hypernas.spaces.bound import Function, bound


class FeedForward(nn.Module):
    """contract(gelu(expand(x))), with `hidden` units between."""

    def __init__(self, *, model_dim: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(model_dim, hidden)
        self.contract = nn.Linear(hidden, model_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.contract(nn.functional.gelu(self.expand(x)))

    def stepper(self) -> Function:
        """`forward` as a function: see `bound`."""
        expand, contract = bound(self.expand), bound(self.contract)
        return lambda x: contract(nn.functional.gelu(expand(x)))


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x)): norms stand before, not after.

    Args:
        model_dim: channels.
        heads, head_dim, causal: see `SelfAttention`.
        hidden: units of the feed-forward layer.
        dropout: of what is added to x.
    """

    def __init__(
        self,
        *,
        model_dim: int,
        heads: int,
        head_dim: int,
        hidden: int,
        causal: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(model_dim)
        self.attention = SelfAttention(
            model_dim=model_dim, heads=heads, head_dim=head_dim, causal=causal
        )
        self.feed_forward_norm = nn.LayerNorm(model_dim)
        self.feed_forward = FeedForward(model_dim=model_dim, hidden=hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,  # shape: (N, T, model_dim)
        mask: Tensor | None = None,  # shape: (N, 1, 1, T), True where a position may be seen
    ) -> Tensor:  # shape: (N, T, model_dim)
        x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
