"""Who trains what."""

import pytest
import torch
from torch.testing import assert_close

from hypernas.distributed import share


@pytest.mark.parametrize("num", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 16])
def test_every_architecture_is_trained_on_every_row_by_exactly_one_rank(num, size):
    seen = torch.zeros(num, 10)
    for rank in range(size):
        own = share(rank, size, [10] * num)
        seen[list(own.positions), slice(*own.rows.range(10))] += 1
    assert_close(seen, torch.ones(num, 10))


def test_ranks_have_as_many_architectures_as_each_other_or_one_more():
    counts = [len(share(rank, 3, [10] * 7).positions) for rank in range(3)]
    assert sorted(counts) == [2, 2, 3]


def test_of_a_sandwich_one_rank_trains_the_bounds_and_the_other_those_between():
    assert [share(rank, 2, [10] * 4).positions for rank in range(2)] == [(0, 3), (1, 2)]


def test_batches_that_are_not_to_be_split_leave_ranks_idle():
    shares = [share(rank, 4, [10] * 2, split=False) for rank in range(4)]
    assert [s.positions for s in shares] == [(0,), (1,), (), ()]
