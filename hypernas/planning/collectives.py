"""Collectives: the steps in which ranks send each other what they have to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hypernas.border import checked
from hypernas.planning.demand import Demand, Pairs

# Legend: N ranks, B bytes of what is to be the same on all ranks.


@dataclass(frozen=True)
class Step:
    """Flows that are under way together; the next step begins when all have come.

    Attributes:
        name: in tables.
        times: it is taken, with the same demand.
    """

    name: str
    demand: Demand
    times: int = 1


@checked
def ring(num_ranks: int, num_bytes: float) -> list[Step]:
    """All-reduce in a ring: 2 (N - 1) steps in which each rank sends B / N to the next one."""
    _check(num_ranks, num_bytes)
    demand = _permuted(num_ranks, (np.arange(num_ranks) + 1) % num_ranks, num_bytes / num_ranks)
    return [Step("to the next rank", demand, times=2 * (num_ranks - 1))]


@checked
def halving_doubling(num_ranks: int, num_bytes: float) -> list[Step]:
    """All-reduce by recursive halving and doubling: partners N/2, N/4, ..., 1 ranks away, there and back.

    A step sends B / 2, B / 4, ... B / N (Thakur et al., 2005, Int. J. High Perform. Comput. Appl. 19).

    Raises:
        ValueError: if the number of ranks is no power of two.
    """
    _check(num_ranks, num_bytes)
    if num_ranks & (num_ranks - 1):
        raise ValueError(
            f"halving and doubling pairs ranks off, so it needs 2, 4, 8, ... of them, got {num_ranks}: "
            f"take collective=ring."
        )
    ranks = np.arange(num_ranks)
    distances = [num_ranks >> i for i in range(1, int(math.log2(num_ranks)) + 1)]
    return [
        Step(
            f"{distance} ranks away",
            _permuted(num_ranks, ranks ^ distance, num_bytes * distance / num_ranks),
            times=2,
        )
        for distance in distances
    ]


@checked
def all_to_all(num_ranks: int, num_bytes: float) -> list[Step]:
    """Each rank sends B / N to every other one, all at once."""
    _check(num_ranks, num_bytes)

    def pairs(ranks: range) -> Pairs:
        senders, receivers = _others(ranks, num_ranks)
        return Pairs(senders, receivers, np.full(len(senders), num_bytes / num_ranks))

    return [Step("all to all", Demand(num_ranks, pairs))]


@checked
def delivery(num_ranks: int, num_bytes: float | Sequence[float]) -> list[Step]:
    """Weights from the ranks that mix them to those that train a subnet each, and gradients back.

    As `training.shard_banks` does: see `hypernas.distributed.ShardedBanks`.

    Args:
        num_bytes: of a subnet's weights, or a number for each rank: those that it mixes.
    """
    mixed = np.atleast_1d(np.asarray(num_bytes, dtype=np.float64))
    if len(mixed) == 1:
        mixed = np.full(num_ranks, float(mixed[0]) / num_ranks)
    _check(num_ranks, float(mixed.sum()))
    if len(mixed) != num_ranks or not (mixed >= 0).all():
        raise ValueError(
            f"num_bytes: expected a number, 0 or more, for each of {num_ranks} ranks, got {len(mixed)}: "
            f"{mixed.tolist()[:8]}."
        )

    def there(ranks: range) -> Pairs:
        senders, receivers = _others(ranks, num_ranks)
        return Pairs(senders, receivers, mixed[senders])

    def back(ranks: range) -> Pairs:
        senders, receivers = _others(ranks, num_ranks)
        return Pairs(senders, receivers, mixed[receivers])

    steps = {"weights to those that train": there, "gradients back": back}
    return [Step(name, Demand(num_ranks, pairs)) for name, pairs in steps.items()]


@checked
def dispatch(
    num_ranks: int,
    num_bytes: float,
    *,
    top_k: int = 2,
    tokens: int = 1024,
    matrix: str | None = None,
    seed: int = 0,
) -> list[Step]:
    """Tokens to the ranks of their experts, and their outputs back; an expert a rank.

    Without a matrix each token goes to `top_k` different experts at random, all alike.

    Args:
        num_bytes: of a token.
        tokens: of each rank.
        matrix: a file .npy, or .csv without a head, (N, N): tokens from the rank of a row to the rank of a column.

    Raises:
        ValueError: if the matrix has another shape, or there are fewer experts than `top_k`.
    """
    _check(num_ranks, num_bytes)
    if matrix is not None:
        counts = _read(Path(matrix))
        if counts.shape != (num_ranks, num_ranks):
            raise ValueError(
                f"{matrix}: expected a row and a column for each of {num_ranks} ranks, got the shape "
                f"{counts.shape}: give ranks={len(counts)}, or another file."
            )
    else:
        if not 1 <= top_k <= num_ranks or tokens < 1:
            raise ValueError(
                f"expected tokens, 1 or more, and top_k from 1 to {num_ranks}, a rank for each expert, "
                f"got tokens={tokens} and top_k={top_k}."
            )
        counts = _routed(num_ranks, tokens, top_k, np.random.default_rng(seed))
    there, back = (Demand.of_matrix(one * num_bytes) for one in (counts, counts.T))
    return [Step("tokens to experts", there), Step("outputs back", back)]


def _routed(num_ranks: int, tokens: int, top_k: int, rng: np.random.Generator) -> np.ndarray:
    """Tokens from each rank to each expert, shape (N, N)."""
    counts = np.zeros((num_ranks, num_ranks))
    for rank in range(num_ranks):
        draws = rng.integers(num_ranks, size=(tokens, top_k))
        for i in range(1, top_k):  # draw again what a token has already
            while (again := (draws[:, :i] == draws[:, i : i + 1]).any(1)).any():
                draws[again, i] = rng.integers(num_ranks, size=int(again.sum()))
        counts[rank] = np.bincount(draws.ravel(), minlength=num_ranks)
    return counts


def _read(path: Path) -> np.ndarray:
    try:
        found = np.load(path, allow_pickle=False) if path.suffix == ".npy" else None
        return np.loadtxt(path, delimiter=",", ndmin=2) if found is None else found
    except ValueError as error:
        raise ValueError(f"{path}: expected numbers, N rows of N: {error}") from None


def _permuted(num_ranks: int, to: np.ndarray, each: float) -> Demand:
    """A flow from each rank."""

    def pairs(ranks: range) -> Pairs:
        return Pairs(
            np.arange(ranks.start, ranks.stop),
            to[ranks.start : ranks.stop],
            np.full(len(ranks), each),
        )

    return Demand(num_ranks, pairs)


def _others(ranks: range, num_ranks: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of some ranks and every other one, shapes (F,)."""
    senders, places = np.arange(ranks.start, ranks.stop)[:, None], np.arange(num_ranks - 1)
    receivers = places + (places >= senders)
    return np.repeat(senders, num_ranks - 1), receivers.reshape(-1)


def _check(num_ranks: int, num_bytes: float) -> None:
    if num_ranks < 2 or not 0 < num_bytes < float("inf"):
        raise ValueError(
            f"expected ranks, 2 or more, and bytes, more than 0, got {num_ranks} and {num_bytes}."
        )
