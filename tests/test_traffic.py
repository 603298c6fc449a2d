import pytest

from hypernas.cost import all_reduce_seconds, training_bytes


def test_a_ring_sends_each_gradient_nearly_twice_however_many_ranks_there_are():
    times = [all_reduce_seconds(10**6, num_ranks=n, bytes_per_second=4e6) for n in (1, 2, 8, 10**6)]
    assert times == pytest.approx([0, 1, 1.75, 2], rel=1e-5)


def test_moments_are_half_of_what_is_stored_and_the_half_that_ranks_divide():
    assert training_bytes(10) == 160
    assert training_bytes(10, num_shards=8) == 90
