"""Earlier tasks stay what they were, bit for bit, while later ones train what nobody owns."""

import pytest
import torch
from torch import nn

from hypernas import generators
from hypernas.masks import Masked, Ownership, Supermask, TaskTensors, training_only
from hypernas.spaces import mlp

SPACE = mlp(input_shape=(6,), num_classes=3, depths=[2], widths=[16], norm="batch")
OPTIMIZERS = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.5),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9, weight_decay=0.1),
}


def trained_tasks(make, optimizer, *, exclusive: bool, num: int = 4):
    """The outputs of each task at its end and after the last one, and the free share of each."""
    masked = Masked(make(SPACE), density=0.3)
    norms, bank = (
        TaskTensors(lambda: generators.running_statistics(masked)),
        masked.parameters_masked,
    )
    owner = Ownership(masked.supermask.shapes)
    moving = OPTIMIZERS[optimizer]([*bank.values()])  # one for all tasks, so that it remembers
    largest, probe = SPACE.largest(), torch.randn(9, 6, generator=torch.Generator().manual_seed(9))
    masks, then, shares = [], [], []

    def outputs(task: int):
        with masked.using(masks[task]), norms.of(task), torch.no_grad():
            return masked.eval().call(largest, probe)

    for task in range(num):
        rng = torch.Generator().manual_seed(task)
        masked.supermask.draw(task)
        masks.append(masked.supermask.masks())
        shares.append(owner.share_free(masks[task]))
        entries = owner.free(masks[task]) if exclusive else masks[task]
        norms.begin()
        with (
            masked.using(masks[task]),
            training_only(moving, {bank[n]: e for n, e in entries.items()}),
        ):
            for _ in range(3):
                logits = masked.train().call(largest, torch.randn(12, 6, generator=rng) + task)
                labels = torch.randint(3, (12,), generator=rng)
                moving.zero_grad()
                nn.functional.cross_entropy(logits, labels).backward()
                moving.step()
        owner.take(masks[task])
        norms.keep(task)
        then.append(outputs(task))
    return then, [outputs(task) for task in range(num)], shares


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize(
    "make", [generators.shared, generators.soft_sharing], ids=["shared", "templates"]
)
def test_outputs_of_earlier_tasks_are_bit_identical_after_later_ones(make, optimizer):
    then, now, _ = trained_tasks(make, optimizer, exclusive=True)
    assert all(torch.equal(*pair) for pair in zip(then, now, strict=True))


def test_training_that_is_not_exclusive_changes_them():
    then, now, _ = trained_tasks(generators.shared, "adamw", exclusive=False)
    assert [torch.equal(*pair) for pair in zip(then, now, strict=True)] == [
        False,
        False,
        False,
        True,
    ]


def test_entries_that_are_left_out_keep_their_bits_under_decay_momentum_and_gradients_that_are_no_number():
    weight = nn.Parameter(torch.randn(40))
    optimizer = OPTIMIZERS["momentum"]([weight])
    weight.sum().backward()
    optimizer.step()  # momentum of before
    before, own = weight.detach().clone(), torch.arange(40) < 7
    with training_only(optimizer, {weight: own}):
        weight.grad = torch.full((40,), torch.nan).where(~own, torch.ones(40))
        optimizer.step()
    assert torch.equal(weight[~own], before[~own])
    assert bool((weight[own] != before[own]).all())
    optimizer.step()
    assert bool((weight != before).all())
    refused = pytest.raises(ValueError, match="expected entries of the shape")
    with refused, training_only(optimizer, {weight: own[:3]}):
        pass


@pytest.mark.parametrize("density", [0.02, 0.1, 0.3])
def test_independent_masks_leave_a_share_of_each_that_falls_by_their_density(density):
    shapes = {"w": (200, 300)}
    owner, shares = Ownership(shapes), []
    for task in range(10):
        masks = Supermask(shapes, density=density, seed=task).masks()
        shares.append(owner.share_free(masks))
        owner.take(masks)
    expected = torch.tensor([(1 - density) ** task for task in range(10)])
    torch.testing.assert_close(torch.tensor(shares), expected, rtol=0, atol=0.04)
