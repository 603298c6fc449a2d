"""The mask that a new task begins with, and the task that a batch is of."""

from functools import partial

import pytest
import torch
from torch import nn

from hypernas import generators
from hypernas.masks import Masked, infer_task, neighbour_accuracy, transferred
from hypernas.masks.transfer import Penultimate
from hypernas.spaces import mlp

A, B, C = ({"w": torch.tensor(bits).bool()} for bits in ([1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1]))


@pytest.mark.parametrize(
    ("kind", "accuracies", "votes"),
    [
        ("best", [0.3, 0.9, 0.6], [1, 0, 1, 0]),
        ("best", [0.3, 0.4, 0.1], None),
        ("always", [0.3, 0.4, 0.1], [1, 0, 1, 0]),
        ("mean", [0.3, 0.9, 0.6], [0.5, 0, 1, 0.5]),
        ("none", [0.3, 0.9, 0.6], None),
        ("best", [], None),
    ],
)
def test_votes_are_those_of_the_tasks_that_beat_chance_and_no_mask_is_changed(
    kind, accuracies, votes
):
    masks = [A, B, C][: len(accuracies)]
    before = [own["w"].clone() for own in masks]
    found = transferred(masks, accuracies, chance=0.5, kind=kind)
    assert (found is None) == (votes is None)
    if found is not None:
        assert found["w"].tolist() == votes
        found["w"].zero_()
    assert all(torch.equal(own["w"], then) for own, then in zip(masks, before, strict=True))


def test_neighbours_tell_features_that_part_the_classes_from_those_that_do_not():
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (300,), generator=rng)
    noise = torch.randn(300, 5, generator=rng)
    parted = noise + 8 * nn.functional.one_hot(labels, 5)
    assert neighbour_accuracy(parted, labels, num_neighbours=20) > 0.99
    assert neighbour_accuracy(noise, labels, num_neighbours=20) < 0.45


def test_the_features_are_the_input_of_the_last_layer_that_is_called():
    net = nn.ModuleDict({"head": nn.Linear(3, 2), "body": nn.Linear(4, 3)})  # not in their order
    seen = Penultimate(net)
    inputs = torch.randn(5, 4)
    features = seen.of(lambda: net["head"](net["body"](inputs).relu()))
    torch.testing.assert_close(features, net["body"](inputs).relu())
    seen.close()
    with pytest.raises(ValueError, match="no layer with a matrix"):
        seen.of(lambda: net["head"](inputs[:, :3]))


def test_the_task_of_a_batch_is_found_without_its_label():
    space = mlp(input_shape=(16,), num_classes=8, depths=[1], widths=[64], norm="none")
    masked = Masked(generators.shared(space), density=0.3)
    largest, masks = space.largest(), []
    rng = torch.Generator().manual_seed(0)
    centres = 2 * torch.randn(3, 8, 16, generator=rng)  # of each task's classes

    def batch(task: int):
        labels = torch.randint(8, (64,), generator=rng)
        return centres[task, labels] + torch.randn(64, 16, generator=rng), labels

    for task in range(3):
        masked.supermask.draw(task)
        optimizer = torch.optim.Adam(masked.supermask.parameters(), lr=0.02)
        for _ in range(40):
            inputs, labels = batch(task)
            optimizer.zero_grad()
            nn.functional.cross_entropy(masked.call(largest, inputs), labels).backward()
            optimizer.step()
        masks.append(masked.supermask.masks())
    found = []
    for task in (0, 1, 2, 2, 1, 0):
        inputs, _ = batch(task)
        found.append(infer_task(masked, masks, partial(masked.call, largest, inputs)))
    assert found == [0, 1, 2, 2, 1, 0]
