"""Streams of tasks made of a data set."""

import pytest
import torch
from torch.utils.data import Dataset

from hypernas.continual import Permuted, Rotated, Split, listed
from hypernas.continual.rotated import rotate
from hypernas.data import split_tensors
from hypernas.data.data import Data

RNG = torch.Generator().manual_seed(0)
INPUTS, TARGETS = torch.randn(60, 1, 4, 4, generator=RNG), torch.arange(60) % 6
DATA = Data("made", *split_tensors(INPUTS, TARGETS, (30, 15, 15), seed=0), (1, 4, 4), 6)


def test_a_permuted_task_has_the_same_entries_in_an_order_of_its_own_in_every_split():
    stream, first = Permuted(DATA, num=3), Permuted(DATA, num=3).task(0)
    for split in ("train", "validation", "test"):
        own, other, again = (getattr(stream.task(i), split).tensors for i in (0, 1, 1))
        assert torch.equal(own[0], getattr(DATA, split).tensors[0])
        assert not torch.equal(own[0], other[0])
        assert torch.equal(other[0], again[0])
        assert torch.equal(own[0].flatten(1).sort().values, other[0].flatten(1).sort().values)
        assert torch.equal(own[1], other[1])
    moved = Permuted(DATA, num=3, seed=1).task(1).train.tensors[0]
    assert not torch.equal(moved, stream.task(1).train.tensors[0])
    assert len(first.train) == 30


def test_four_turns_of_ninety_degrees_are_none_and_one_is_that_of_torch():
    torch.testing.assert_close(rotate(INPUTS, 90.0), INPUTS.rot90(1, (2, 3)), rtol=0, atol=1e-5)
    turned = INPUTS
    for _ in range(4):
        turned = rotate(turned, 90.0)
    torch.testing.assert_close(turned, INPUTS, rtol=0, atol=1e-5)
    signal = torch.arange(8.0).view(1, 1, 8)
    assert rotate(signal, 90.0).flatten().tolist() == [6, 7, 0, 1, 2, 3, 4, 5]
    stream = Rotated(DATA, num=2, degrees=180.0)
    assert torch.equal(stream.task(0).test.tensors[0], DATA.test.tensors[0])
    torch.testing.assert_close(stream.task(1).test.tensors[0], rotate(DATA.test.tensors[0], 90.0))


def test_split_tasks_divide_the_classes_and_count_them_from_zero():
    stream = Split(DATA, classes=2)
    assert (stream.num, stream.num_classes) == (3, 2)
    assert sum(len(stream.task(i).train) for i in range(3)) == 30
    inputs, targets = stream.task(1).train.tensors
    of = {tuple(x.flatten().tolist()): int(y) for x, y in zip(*DATA.train.tensors, strict=True)}
    assert [of[tuple(x.flatten().tolist())] - 2 for x in inputs] == targets.tolist()
    first, second = Split(DATA, classes=3, seed=4).groups
    assert sorted([*first, *second]) == list(range(6))


def test_streams_that_cannot_be_are_refused_in_words():
    class Made(Dataset):
        pass

    other = Data("flat", DATA.train, DATA.validation, DATA.test, (16,), 6)
    strange = Data("strange", Made(), Made(), Made(), (1, 4, 4), 6)
    for call, told in (
        (lambda: listed(DATA, sets=[other]), "inputs have one shape"),
        (lambda: Permuted(strange, num=2).task(1), "tasks=listed"),
        (lambda: Permuted(DATA, num=2).task(2), "tasks 0 to 1, got 2"),
        (lambda: Rotated(other), "inputs that are rotated"),
        (lambda: Split(DATA, classes=7), "between 1 and the 6"),
    ):
        with pytest.raises(ValueError, match=told):
            call()
    assert listed(DATA, sets=[DATA]).num == 2
