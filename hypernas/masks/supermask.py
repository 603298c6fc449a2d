"""A supermask: scores of tensors, of which the largest say what is used."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.masks.top import num_kept, top


class Supermask(nn.Module):
    """Scores for some tensors, by name; the mask of each keeps those of largest magnitude.

    Scores start Kaiming-uniform with a = √5, uniform in ±1/√fan_in, as published (Yadav and Bansal, 2022,
    arXiv 2210.10209).

    Args:
        shapes: name -> shape of the tensor.
        density: share of each tensor that is kept: see `num_kept`.
        fans: name -> fan_in; by default the product of all axes but the first.
        seed: of the scores.

    Raises:
        ValueError: if nothing is to be masked, or the density is none.
    """

    @checked
    def __init__(
        self,
        shapes: Mapping[str, Sequence[int]],
        *,
        density: float = 0.1,
        fans: Mapping[str, int] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not shapes:
            raise ValueError("a supermask needs a tensor or more to mask, got none.")
        self.density = density
        self.fans = {name: (fans or {}).get(name, math.prod(s[1:])) for name, s in shapes.items()}
        self.shapes = {name: torch.Size(shape) for name, shape in shapes.items()}
        self.kept = {name: num_kept(s.numel(), density) for name, s in self.shapes.items()}
        self.scores = nn.ParameterDict(
            {_key(name): nn.Parameter(torch.empty(s)) for name, s in self.shapes.items()}
        )
        self.draw(seed)

    @torch.no_grad()
    def draw(self, seed: int) -> None:
        """Draw the scores anew, in place."""
        rng = torch.Generator().manual_seed(seed)
        for name, shape in self.shapes.items():
            bound = 1 / math.sqrt(max(self.fans[name], 1))
            drawn = torch.empty(shape).uniform_(-bound, bound, generator=rng)
            self.scores[_key(name)].copy_(drawn)

    @torch.no_grad()
    def begin_at(
        self,
        votes: Mapping[str, Tensor],  # of the same shapes, in [0, 1]
        *,
        seed: int,
    ) -> None:
        """Draw the scores anew, and give the largest of them to the entries of most votes.

        With a mask as votes the new mask is that mask, and the scores are as large as fresh ones. Entries of as many votes
        are ordered at random.
        """
        self.draw(seed)
        rng = torch.Generator().manual_seed(seed + 1)
        for name, vote in votes.items():
            scores = self.scores[_key(name)]
            flat, drawn = scores.view(-1), scores.detach().flatten()
            order = torch.randperm(flat.numel(), generator=rng).to(flat.device)
            order = order[vote.to(flat.device).float().flatten()[order].sort(stable=True).indices]
            flat[order] = drawn[drawn.abs().argsort()]

    def forward(self) -> dict[str, Tensor]:
        """Name -> mask, 0 or 1, through which gradients reach the scores."""
        return {name: top(self.scores[_key(name)], self.density) for name in self.shapes}

    @torch.no_grad()
    def masks(self) -> dict[str, Tensor]:
        """Name -> mask, as truth values."""
        return {name: mask.bool() for name, mask in self().items()}


def _key(name: str) -> str:
    return name.replace(
        ".", "|"
    )  # names of parameters hold slashes, and a dictionary takes no dots
