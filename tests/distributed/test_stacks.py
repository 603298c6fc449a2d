"""Which banks ranks can divide, and how evenly."""

from dataclasses import replace

import pytest
from training_on_ranks import STRATEGY, blobs, divisible, made

from hypernas.distributed import ProcessGroup, stacks
from hypernas.generators import Generator
from hypernas.objectives import CrossEntropy
from hypernas.training import Task, Training


@pytest.mark.parametrize("num_ranks", [1, 2, 3, 7])
@pytest.mark.parametrize("name", divisible())
def test_ranks_keep_about_as_much_as_each_other(name, num_ranks):
    dealt = stacks.stacks_of(stacks.divisible(made(name)), num_ranks)
    kept = [0] * num_ranks
    for stack in dealt:
        kept[stack.rank] += stack.parameter.numel()
    assert min(kept) > 0
    largest = max(stack.parameter.numel() for stack in dealt)
    assert max(kept) - min(kept) <= largest


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ofa", "go through KernelTransforms"),
        ("cafenet", "go through FreeChannels"),
        ("few_shot", "FewShot is none"),
        ("mip_hypernetwork", "FullHypernetwork is none"),
        ("standalone", "Standalone is none"),
        ("ssn", "makes the stack of"),
    ],
)
def test_banks_that_cannot_be_divided_are_refused(name, why):
    generator = made(name)
    with pytest.raises(ValueError, match=rf"{why}.*leave training\.shard_banks off"):
        run(generator, ProcessGroup())


def run(generator: Generator, ranks, **options):
    return Training(steps=1, shard_banks=True).run(
        generator,
        Task(blobs(), CrossEntropy()),
        replace(STRATEGY, **options),
        device="cpu",
        ranks=ranks,
    )


def test_more_ranks_than_stacks_are_refused():
    with pytest.raises(ValueError, match=r"99 ranks cannot divide a bank of \d+ stacks"):
        run(made("shared"), ProcessGroup(0, 99))


def test_what_an_optimizer_is_to_remember_is_not_divided():
    with pytest.raises(ValueError, match=r"leave training\.shard_banks off"):
        run(made("shared"), ProcessGroup(0, 2), memory={})


def test_banks_and_optimizer_are_not_divided_in_two_ways_at_once():
    with pytest.raises(ValueError, match="shard_optimizer: expected False"):
        Training(shard_banks=True, shard_optimizer=True)
