"""Weights from the ranks that mix them to those that train them, and gradients back."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from hypernas.distributed.all_to_all import Shape, all_to_all
from hypernas.distributed.placement import Weights
from hypernas.distributed.process_group import ProcessGroup

Place = tuple[int, str]  # position of an architecture, name of a weight


class Delivery:
    """Exchange between ranks for some architectures, which are the same on all of them.

    Args:
        shapes: of each architecture, weight name -> shape.
        rank_of: weight name -> the rank that mixes it, for all architectures.
        like: has the type and device of all weights.
    """

    def __init__(
        self,
        ranks: ProcessGroup,
        shapes: Sequence[Mapping[str, Shape]],
        rank_of: Mapping[str, int],
        *,
        like: Tensor,
    ) -> None:
        self.ranks, self.shapes, self.like = ranks, shapes, like
        self._names: list[list[list[str]]] = []  # of each architecture, what each rank mixes
        for own in shapes:
            self._names.append([[] for _ in range(ranks.size)])
            for name in own:
                self._names[-1][rank_of[name]].append(name)

    def send(
        self,
        mixed: Sequence[Mapping[str, Tensor]],
        wanted: Sequence[Sequence[int]],
    ) -> Weights:
        """To each rank what we mixed of what it wants; what comes is what we want, without a graph.

        Args:
            mixed: of each architecture what this rank mixes.
            wanted: for each rank positions of architectures.
        """
        own, me = wanted[self.ranks.rank], self.ranks.rank
        sent = [self._places(positions, me) for positions in wanted]
        awaited = [self._places(own, rank) for rank in range(self.ranks.size)]
        found: Weights = {i: {} for i in own}
        for (i, name), tensor in self._all_to_all(
            [[mixed[i][name].detach() for i, name in some] for some in sent], awaited
        ):
            found[i][name] = tensor
        return found

    def send_back(
        self,
        leaves: Weights,
        trained: Sequence[Sequence[int]],
    ) -> dict[Place, Tensor]:
        """To each rank the gradients of what it mixed for us; what comes are those of what we mixed.

        A weight that has no gradient on any rank is not among them.

        Args:
            leaves: from `send`, with the gradients that they have got.
            trained: for each rank positions of architectures.
        """
        own, me = trained[self.ranks.rank], self.ranks.rank
        reached = self._reached(leaves, own)
        sent, awaited = (
            [[place for place in some if place in reached] for some in every]
            for every in (
                [self._places(own, rank) for rank in range(self.ranks.size)],
                [self._places(positions, me) for positions in trained],
            )
        )
        sums: dict[Place, Tensor] = {}
        for place, tensor in self._all_to_all(
            [[_gradient(leaves[i][name]) for i, name in some] for some in sent], awaited
        ):  # several ranks may train an architecture
            sums[place] = sums[place] + tensor if place in sums else tensor
        return sums

    def _places(self, positions: Sequence[int], rank: int) -> list[Place]:
        """The weights of some architectures that a rank mixes."""
        return [(i, name) for i in positions for name in self._names[i][rank]]

    def _reached(self, leaves: Weights, own: Sequence[int]) -> set[Place]:
        """The weights that have a gradient on some rank."""
        every = [(i, name) for i, shapes in enumerate(self.shapes) for name in shapes]
        flags = [int(i in own and leaves[i][name].grad is not None) for i, name in every]
        counts = torch.tensor(flags, dtype=torch.int32)
        self.ranks.all_reduce(counts)
        return {place for place, num in zip(every, counts.tolist(), strict=True) if num}

    def _all_to_all(
        self, sent: Sequence[Sequence[Tensor]], awaited: Sequence[Sequence[Place]]
    ) -> Iterator[tuple[Place, Tensor]]:
        shapes = [[self.shapes[i][name] for i, name in some] for some in awaited]
        received = all_to_all(self.ranks, sent, shapes, like=self.like)
        for some, tensors in zip(awaited, received, strict=True):
            yield from zip(some, tensors, strict=True)


def _gradient(leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
