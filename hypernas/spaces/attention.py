"""Multi-head attention with fused projections, for the transformer spaces."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from hypernas.spaces.bound import bound

# Legend: N examples, T positions that attend, S positions attended to, D and M channels.

Memory = tuple[
    Tensor, Tensor
]  # keys and values of positions, each of shape (N, heads, S, head_dim)

# heads of fixed size are sliced whole, from each of the three matrices;
# the input axis of `project` needs no layout then: it is a prefix of whole heads
FUSED_QKV = {"*.qkv.weight": "(three heads dim) model", "*.qkv.bias": "(three heads dim)"}


class SelfAttention(nn.Module):
    """One linear layer makes queries, keys and values, in this order, another one joins the heads.

    Args:
        model_dim: D.
        heads, head_dim: number and channels of the heads.
        causal: whether a position sees only itself and those before it.
    """

    def __init__(self, *, model_dim: int, heads: int, head_dim: int, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(model_dim, 3 * heads * head_dim)
        self.project = nn.Linear(heads * head_dim, model_dim)

    def forward(
        self,
        x: Tensor,  # shape: (N, T, D)
        mask: Tensor | None = None,  # shape: (N, 1, 1, T), True where a position may be seen
    ) -> Tensor:  # shape: (N, T, D)
        q, k, v = self._split(x)
        attended = scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=self.causal)
        return self.project(attended.transpose(1, 2).flatten(2))

    def stepper(self) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """A function of the next position, where every position sees those before it.

        Returns:
            x of shape (N, D), and keys and values of all positions before it, of shape (N, 2, heads, T, head_dim) ->
            the output of `forward` at this position, and the past of the position after it.
        """
        qkv, project, heads = bound(self.qkv), bound(self.project), self.heads

        def step(x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
            own = qkv(x).unflatten(-1, (3, heads, 1, -1))
            past = torch.cat([past, own[:, 1:]], dim=3)
            k, v = past.unbind(1)
            attended = scaled_dot_product_attention(own[:, 0], k, v)
            return project(attended.flatten(1)), past

        return step

    def no_past(self, num: int) -> Tensor:  # shape: (num, 2, heads, 0, head_dim)
        """The past of the first position of `num` examples."""
        head_dim = self.project.in_features // self.heads
        return self.qkv.weight.new_zeros(num, 2, self.heads, 0, head_dim)

    def _split(self, x: Tensor) -> Tensor:  # shape: (3, N, heads, T, head_dim)
        return self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)


class CrossAttention(nn.Module):
    """Queries from one sequence; keys and values, in this order, from another by one linear layer.

    Args:
        model_dim: D, channels of the sequence that attends.
        memory_dim: M, channels of the one that is attended to.
        heads, head_dim: number and channels of the heads.
    """

    def __init__(self, *, model_dim: int, memory_dim: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(model_dim, heads * head_dim)
        self.kv = nn.Linear(memory_dim, 2 * heads * head_dim)
        self.project = nn.Linear(heads * head_dim, model_dim)

    def forward(
        self,
        x: Tensor,  # shape: (N, T, D)
        memory: Tensor,  # shape: (N, S, M)
        mask: Tensor | None = None,  # shape: (N, 1, 1, S), True where a position may be seen
    ) -> Tensor:  # shape: (N, T, D)
        return self.attend(x, self.remember(memory), mask)

    def remember(self, memory: Tensor) -> Memory:
        """The keys and values of what is attended to."""
        k, v = self.kv(memory).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return k, v

    def attend(self, x: Tensor, memory: Memory, mask: Tensor | None = None) -> Tensor:
        """The output of `forward`, from what `remember` gave of the memory."""
        q = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        attended = scaled_dot_product_attention(q, *memory, attn_mask=mask)
        return self.project(attended.transpose(1, 2).flatten(2))

    def stepper(self) -> Callable[[Tensor, Memory, Tensor | None], Tensor]:
        """A function of one position.

        Returns:
            x of shape (N, D), a memory, and a mask of shape (N, 1, 1, S), as `attend` takes it or added to what it
            compares -> the output of `attend` at this position.
        """
        query, project, heads = bound(self.query), bound(self.project), self.heads

        def step(x: Tensor, memory: Memory, mask: Tensor | None) -> Tensor:
            q = query(x).unflatten(-1, (heads, 1, -1))
            attended = scaled_dot_product_attention(q, *memory, attn_mask=mask)
            return project(attended.flatten(1))

        return step
