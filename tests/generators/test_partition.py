"""Partitions of values by the gradients of shared weights."""

import itertools

import pytest
import torch
from torch.testing import assert_close

from hypernas.generators.methods.partition import balanced_partition, distances, gain


def planted(groups, noise=0.3):
    """Gradients of values that point one way within a group."""
    rng = torch.Generator().manual_seed(0)
    directions = [torch.randn(1, 8, 5, generator=rng) for _ in groups]
    place = {i: k for k, group in enumerate(groups) for i in group}
    return [
        {"w": directions[place[i]] + noise * torch.randn(1, 8, 5, generator=rng)}
        for i in range(len(place))
    ]


@pytest.mark.parametrize(
    "groups", [((0, 1), (2, 3, 4)), ((0, 3, 4), (1, 2)), ((0, 2), (1, 5), (3, 4))]
)
def test_planted_groups_are_recovered(groups):
    apart = distances(planted(groups))
    assert_close(apart, apart.T)
    assert_close(apart.diag(), torch.zeros(len(apart), dtype=torch.double))
    found = balanced_partition(apart, len(groups))
    assert sorted(found) == sorted(groups)
    assert gain(apart, found) > 4


def test_distances_are_sums_over_filters_of_what_both_move():
    one, other = torch.randn(1, 3, 4), torch.randn(1, 3, 4)
    other[0, 0], other[:, :, 3] = 0, 0
    rows = [g[0, 1:, :3].double() for g in (one, other)]
    expected = (1 - torch.nn.functional.cosine_similarity(*rows)).sum()
    vectors = {"bias": torch.randn(1, 3)}
    assert_close(distances([{"w": one, **vectors}, {"w": other, **vectors}])[0, 1], expected)
    assert_close(distances([{"w": one}, {"v": one}])[0, 1], torch.zeros((), dtype=torch.double))


def test_a_partition_is_balanced_where_a_minimum_cut_isolates_one_value():
    rng = torch.Generator().manual_seed(3)
    apart = torch.rand(5, 5, generator=rng, dtype=torch.double)
    apart = apart.triu(1) + apart.triu(1).T
    found = balanced_partition(apart, 2)
    assert sorted(map(len, found)) == [2, 3]

    def within(group):
        return sum(float(apart[i, j]) for i, j in itertools.combinations(group, 2))

    every = [set(some) for some in itertools.combinations(range(5), 2)]
    least = min(within(some) + within({*range(5)} - some) for some in every)
    assert_close(sum(map(within, found)), least)
    similarity = 1 - apart  # a cut of one value has the fewest edges
    cuts = {
        some: float(similarity[list(some)][:, [j for j in range(5) if j not in some]].sum())
        for size in (1, 2)
        for some in itertools.combinations(range(5), size)
    }
    assert len(min(cuts, key=lambda some: cuts[some])) == 1


def test_too_many_values_are_refused():
    with pytest.raises(ValueError, match="2 to 10 values, got 11"):
        balanced_partition(torch.zeros(11, 11), 2)
