"""FSDP2 and generators exclude each other: ranks that use other layers compute with mixtures of them."""

import torch
from fsdp_on_ranks import experts_of_two, placed
from torch.testing import assert_close


def test_a_generator_that_fsdp_divided_is_refused_with_what_divides_banks(pair):
    for error in pair(placed):
        assert isinstance(error, ValueError)
        assert "fully_shard" in str(error)
        assert "shard_banks" in str(error)


def test_under_fsdp_ranks_with_other_experts_each_compute_with_half_of_both(pair):
    """Why: nothing hangs or raises (torch 2.13), the shards of whatever is gathered at the time are put together."""
    for outputs, first, second in pair(experts_of_two):
        assert_close(outputs, torch.cat([first[:, :2], second[:, 2:]], 1))
