import pytest

from hypernas.cost import all_reduce_bytes, all_reduce_seconds, delivery_bytes, training_bytes


def test_a_ring_sends_each_gradient_nearly_twice_however_many_ranks_there_are():
    times = [all_reduce_seconds(10**6, num_ranks=n, bytes_per_second=4e6) for n in (1, 2, 8, 10**6)]
    assert times == pytest.approx([0, 1, 1.75, 2], rel=1e-5)


def test_weights_are_sent_instead_of_entries():
    sent = all_reduce_bytes(4 * 10**6, num_ranks=8)
    assert delivery_bytes(10**6, num_ranks=8) == sent / 4  # four entries a weight
    assert delivery_bytes(10**6, num_ranks=8, num_subnets=4) == sent
    assert delivery_bytes(10**6, num_ranks=1) == 0


def test_moments_are_half_of_what_is_stored_and_the_half_that_ranks_divide():
    assert training_bytes(10) == 160
    assert training_bytes(10, num_shards=8) == 90
