"""Demands: what ranks send each other at a time, and what of it leaves a leaf."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hypernas.planning.fabric import LeafSpine


class Pairs(NamedTuple):
    """Flows between ranks, those of a sender together, shapes (F,)."""

    senders: np.ndarray
    receivers: np.ndarray
    sizes: np.ndarray  # bytes


@dataclass(frozen=True)
class Demand:
    """Bytes that ranks send each other at a time, a flow for each pair that has any.

    Args:
        num_ranks: N.
        pairs: gives the flows that some neighbouring ranks send; so those of all need never be held at once.
    """

    num_ranks: int
    pairs: Callable[[range], Pairs]

    @classmethod
    def of_matrix(cls, matrix: Sequence[Sequence[float]] | np.ndarray) -> "Demand":
        """Of a matrix (N, N) of bytes, from the rank of a row to that of a column.

        Raises:
            ValueError: if it is not square, or an entry is no number of 0 or more.
        """
        found = np.asarray(matrix, dtype=np.float64)
        if found.ndim != 2 or found.shape[0] != found.shape[1] or not found.size:
            raise ValueError(f"a demand is a square matrix of bytes, got the shape {found.shape}.")
        if not (np.isfinite(found).all() and (found >= 0).all()):
            raise ValueError("a demand is of finite bytes, 0 or more, and this one has others.")

        def pairs(ranks: range) -> Pairs:
            rows = found[ranks.start : ranks.stop]
            senders, receivers = np.nonzero(rows)
            sizes = rows[senders, receivers]
            senders += ranks.start
            others = senders != receivers  # nobody sends to itself over links
            return Pairs(senders[others], receivers[others], sizes[others])

        return cls(len(found), pairs)


@dataclass(frozen=True)
class Flows:
    """The flows that leave a leaf, in the order of their senders and, of one, of their receivers.

    Attributes:
        leaf: they come from.
        to: the leaf that each goes to, shape (F,).
        sizes: their bytes, shape (F,).
    """

    leaf: int
    to: np.ndarray
    sizes: np.ndarray

    @property
    def equal(self) -> bool:
        """True if all have the same bytes, as Theorem 1 asks."""
        return not len(self.sizes) or bool(np.all(self.sizes == self.sizes[0]))


class Placed:
    """A demand on the hosts of a fabric: rank r is host r.

    Attributes:
        sent, received: bytes of each rank, inside its leaf too, shape (N,); whole once all flows were gone through.

    Raises:
        ValueError: if there are more ranks than hosts.
    """

    def __init__(self, demand: Demand, fabric: LeafSpine) -> None:
        num, hosts = demand.num_ranks, fabric.hosts
        if num > fabric.num_hosts:
            raise ValueError(
                f"{num} ranks need as many hosts, got a fabric of {fabric.leaves} leaves of {hosts}: "
                f"{fabric.num_hosts}. Give more leaves or hosts, or fewer ranks."
            )
        self._demand, self._leaves, self._hosts = demand, fabric.leaves, hosts
        self.sent, self.received = np.zeros(num), np.zeros(num)

    def flows(self) -> Iterator[Flows]:
        """Those that leave each leaf, one leaf after the other; none of a leaf without ranks."""
        num, hosts = self._demand.num_ranks, self._hosts
        for leaf in range(self._leaves):
            first, stop = min(leaf * hosts, num), min((leaf + 1) * hosts, num)
            senders, receivers, sizes = self._demand.pairs(range(first, stop))
            self.sent += np.bincount(senders, weights=sizes, minlength=num)
            self.received += np.bincount(receivers, weights=sizes, minlength=num)
            to = receivers // hosts
            leaving = to != leaf
            yield Flows(leaf, to[leaving], sizes[leaving])
