"""Partitions of a choice's values by how well the gradients of shared weights agree."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

# Legend: V values of a choice, each with gradients of the same shared weights.

_MOST = 10  # values whose partitions are enumerated
Groups = tuple[tuple[int, ...], ...]  # of positions of values, disjoint, together all


def distances(
    gradients: Sequence[Mapping[str, Tensor]],  # V of them
) -> Tensor:  # shape: (V, V), symmetric, 0 on the diagonal
    """Σ over matrices and their filters of 1 - cos of the gradients of two values.

    GM-NAS (Hu et al., "Generalizing few-shot NAS with gradient matching", 2022, arXiv 2203.15207). Vectors (biases, norms) are left
    out, as published; numbers and filters that one of both does not move are not shared, and left out as well.
    """
    num = len(gradients)
    found = torch.zeros(num, num, dtype=torch.double)
    for i, j in itertools.combinations(range(num), 2):
        common = gradients[i].keys() & gradients[j].keys()
        pairs = ((gradients[i][name], gradients[j][name]) for name in sorted(common))
        found[i, j] = found[j, i] = sum(_apart(*pair) for pair in pairs)
    return found


def _apart(one: Tensor, other: Tensor) -> float:
    """The sum over filters of 1 - cos."""
    if one.dim() < 2 or (one.dim() == 2 and len(one) == 1):
        return 0.0
    both = (one != 0) & (other != 0)
    axis = 1 if one.dim() > 2 else 0  # of filters: a bank's first axis is of its entries
    rows = [(g.double() * both).flatten(0, axis).flatten(1) for g in (one, other)]
    lengths = rows[0].norm(dim=1) * rows[1].norm(dim=1)
    cosines = (rows[0] * rows[1]).sum(1)[lengths > 0] / lengths[lengths > 0]
    return float((1 - cosines).sum())


def balanced_partition(
    apart: Tensor,  # shape: (V, V), distances
    num: int,
) -> Groups:
    """The `num` groups, of sizes that differ by one at most, within which distances are least.

    All such partitions are tried. A plain minimum cut would rather take a single value off.

    Raises:
        ValueError: if there are fewer values than groups, or too many to try.
    """
    if not num <= len(apart) <= _MOST:
        raise ValueError(
            f"{num} groups are made of {num} to {_MOST} values, got {len(apart)}: take another choice, or groups of "
            f"runs of its values (grouping=choice)."
        )
    return min(_balanced(tuple(range(len(apart))), num), key=lambda groups: _within(apart, groups))


def _balanced(left: tuple[int, ...], num: int) -> Iterator[Groups]:
    """All partitions into groups of about equal size, each once."""
    if num == 1:
        yield (left,)
        return
    first, *others = left
    small = len(left) // num
    for size in {small, -(-len(left) // num)}:
        for more in itertools.combinations(others, size - 1):
            rest = tuple(i for i in others if i not in more)
            for groups in _balanced(rest, num - 1):
                sizes = [size, *map(len, groups)]
                if max(sizes) - min(sizes) <= 1:
                    yield ((first, *more), *groups)


def _within(apart: Tensor, groups: Groups) -> float:
    return sum(float(apart[i, j]) for group in groups for i, j in itertools.combinations(group, 2))


def gain(apart: Tensor, groups: Groups) -> float:
    """The mean distance of values of different groups, less that of values of one.

    Published is the weight of the cut, which cannot compare choices of different numbers of values.
    """
    same = torch.zeros_like(apart, dtype=torch.bool)
    for group in groups:
        same[torch.tensor(group)[:, None], torch.tensor(group)] = True
    within = same & ~torch.eye(len(apart), dtype=torch.bool)
    inside = float(apart[within].mean()) if within.any() else 0.0
    return float(apart[~same].mean()) - inside
