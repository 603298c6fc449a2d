"""Several ranks have the gradients, and norm statistics, of one process."""

import pytest
import torch
from configured import configured
from torch.testing import assert_close
from training_on_ranks import assert_same_gradient, gradients, made, served

from hypernas import SearchSpace
from hypernas.distributed import ProcessGroup, Replicated, buckets
from hypernas.generators import create_late_parameters, running_statistics

NAMES = [*served(), "balanced"]


@pytest.mark.parametrize("combine", ["mean", "sum"])
@pytest.mark.parametrize("num_random", [-1, 1, 2])  # one architecture, of which ranks split rows
@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_of_two_ranks_is_that_of_one_process(pair, name, num_random, combine):
    step = name, num_random, combine, True, "layer"
    for dtype, each, whole in (
        (torch.float32, 1e-5, 1e-6),  # gradients that nearly cancel have fewer digits
        (torch.float64, 1e-12, 1e-12),
    ):
        expected, loss = gradients(ProcessGroup(), *step, dtype)
        for found, total in pair(gradients, *step, dtype):
            assert_same_gradient(found, expected, each=each, whole=whole)
            assert_close(total, loss, rtol=1e-6, atol=0)


def test_batch_norms_see_whole_batches_so_the_gradient_is_that_of_one_process(pair):
    expected, _ = gradients(ProcessGroup(), "hypernas", 2, "mean", True, "batch")
    for found, _ in pair(gradients, "hypernas", 2, "mean", True, "batch"):
        assert_same_gradient(found, expected, each=1e-5, whole=1e-6)


@pytest.mark.parametrize("num_random", [0, 3])
def test_architectures_that_divide_a_batch_have_the_gradient_of_one_process(pair, num_random):
    step = "hypernas", num_random, "mean", True, "layer", torch.float64, Replicated, True
    expected, losses = gradients(ProcessGroup(), *step)
    for found, total in pair(gradients, *step):
        assert_same_gradient(found, expected, each=1e-12, whole=1e-12)
        assert_close(total, losses, rtol=1e-6, atol=0)


def test_what_no_rank_used_has_no_gradient_and_what_one_used_has_it_on_both(pair):
    expected, _ = gradients(ProcessGroup(), "few_shot", 0, "mean", False)
    unused = {name for name, g in expected.items() if g is None}
    assert unused
    for found, _ in pair(gradients, "few_shot", 0, "mean", False):
        assert {name for name, g in found.items() if g is None} == unused


def added(ranks, size):
    usual, buckets._ELEMENTS = buckets._ELEMENTS, size
    tensors = [
        torch.arange(5.0),
        torch.ones(()),
        torch.arange(40.0).view(5, 8).T,  # not contiguous
        torch.arange(60.0),
        torch.arange(3.0, dtype=torch.float64),
        torch.zeros(0),
    ]
    tensors = [tensor * (ranks.rank + 1) for tensor in tensors]
    buckets.all_reduce_buckets(tensors)
    buckets._ELEMENTS = usual
    return tensors


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_tensors_add_up_alike_whatever_the_size_of_buckets(pair, size):
    for found in pair(added, size):
        expected = [
            torch.arange(5.0),
            torch.ones(()),
            torch.arange(40.0).view(5, 8).T,
            torch.arange(60.0),
            torch.arange(3.0, dtype=torch.float64),
            torch.zeros(0),
        ]
        assert_close(found, [3 * tensor for tensor in expected])


def third(statistic):
    return 1 / 3 if statistic.is_floating_point() else 0


def statistics(ranks, dtype):
    generator = made("shared", "batch").to(dtype)
    before = ranks.snapshot(generator)
    for i, statistic in enumerate(running_statistics(generator).values()):
        flat = statistic.view(-1)
        flat[: len(flat) // 2 + 1] += 2 + i  # both ranks
        if ranks.rank == 1:
            flat += 6 + third(statistic)  # one
    ranks.reduce_gradients(generator, list(generator.parameters()), torch.zeros(()), before)
    now = list(running_statistics(generator).values())
    return [n - b for n, b in zip(now, before.values(), strict=True)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_statistic_changes_by_the_mean_over_the_ranks_that_changed_it(pair, dtype):
    first, second = pair(statistics, dtype)
    assert_close(first, second, rtol=0, atol=0)
    digits = 5 if dtype == torch.float32 else 14
    for i, change in enumerate(first):
        expected = torch.full_like(change, 6 + third(change))
        expected.view(-1)[: change.numel() // 2 + 1] = 2 + i + 3 + third(change) / 2
        assert_close(change, expected, rtol=0, atol=10**-digits * 10)


class Counted(torch.nn.Module):
    """A buffer that counts steps, and one that no step changes."""

    def __init__(self, width):
        super().__init__()
        self.layer = torch.nn.Linear(2, width)
        self.register_buffer("steps", torch.zeros(width))
        self.register_buffer("table", torch.zeros(width))

    def forward(self, x):
        self.steps += 1
        return self.layer(x)


def late(ranks, name):
    generator = configured(name)(
        space=SearchSpace({"width": [2, 3]}, lambda a: Counted(a["width"]))
    )
    subnet = generator.subnet({"width": 2})
    create_late_parameters(generator, [subnet])
    for passes in (ranks.rank, 2):
        before = ranks.snapshot(generator)
        for _ in range(passes):
            generator.call(subnet, torch.zeros(1, 2))
        ranks.reduce_gradients(generator, list(generator.parameters()), torch.zeros(()), before)
    return generator.statistics(subnet).clones(), list(running_statistics(generator))


@pytest.mark.parametrize("name", ["shared", "standalone", "hmlp"])
def test_buffers_that_training_changes_on_one_rank_are_kept_on_all(pair, name):
    first, second = pair(late, name)
    assert first[1] == second[1]
    for found, _ in (first, second):
        assert_close(found, {"steps": torch.full((2,), 3.0)})
