"""Arguments of public functions are held against their annotations."""

import functools
import inspect
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hypernas.border import checked, fits


@checked
def f(size: int, names: Sequence[str] = (), *, module: nn.Module | None = None) -> int:
    """A function."""
    return size + len(names)


@checked
@dataclass(frozen=True)
class Point:
    x: float
    name: str = ""


class Line:
    @checked
    def __init__(self, *points: Point, **more: int) -> None:
        self.points, self.more = points, more


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (int, [3, np.int64(3), True], [3.0, "3", None]),
        (float, [3, 0.5, np.float32(1)], ["1", None, 1j]),
        (str, ["a"], [b"a", 1]),
        (tuple[int, ...], [(1, 2), [1, 2], ()], [3, "ab", (1, "a")]),
        (Sequence[str], [["a"], ("a",), np.array(["a"])], ["ab", [1], {"a": 1}, None]),
        (Mapping[str, int], [{"a": 1}, {}], ["a", None, [1], {"a": "b"}, {1: 1}]),
        (Mapping[str, Any], [{"a": None}, {3: 4}], ["a", None]),
        (Iterable[int], [[1], (), {1: 2}, iter("a")], [["a"], {"a": 1}, "ab", 3]),
        (int | None, [1, None], ["a"]),
        (Literal["a", "b"], ["a", "c"], [1, None]),
        (Callable[[int], int], [len, functools.partial(len)], [3]),
        (str | PathLike[str], ["a"], [3, b"a"]),
        (Tensor, [torch.zeros(1)], [np.zeros(1)]),
        (Any, [None, 3], []),
        ("Later", [3], []),
    ],
)
def test_values_fit_annotations(hint, good, bad):
    assert [value for value in good if not fits(value, hint)] == []
    assert [value for value in bad if fits(value, hint)] == []


def test_every_argument_that_does_not_fit_is_told_with_what_was_expected():
    assert f(2, ["a"], module=nn.Identity()) == 3
    with pytest.raises(TypeError) as caught:
        f("2", names=[3], module=torch.zeros(1))
    told = str(caught.value)
    assert "f cannot take what it was given" in told
    assert "size: expected int, got '2' (str)" in told
    assert "names: expected Sequence[str], got [3] (list)" in told
    assert "module: expected Module | None, got tensor([0.]) (Tensor)" in told
    with pytest.raises(TypeError, match=r"f cannot be called so: .*size.*It takes \(size: int"):
        f()


def test_classes_and_arguments_of_any_number_are_checked_too():
    assert Point(1, name="a").x == 1
    with pytest.raises(TypeError, match=r"Point .*\n  x: expected float, got 'a'"):
        Point("a")
    assert Line(Point(1), a=1).more == {"a": 1}
    with pytest.raises(TypeError, match="points"):
        Line(3)


def test_what_is_checked_is_what_it_was_to_those_who_look_at_it():
    assert list(inspect.signature(f).parameters) == ["size", "names", "module"]
    assert list(inspect.signature(Point).parameters) == ["x", "name"]
    assert f.__doc__ == "A function."
    assert pickle.loads(pickle.dumps(f)) is f
    assert pickle.loads(pickle.dumps(Point(2))) == Point(2)


def test_arguments_of_types_that_fitted_before_are_looked_into_again():
    @checked
    def total(numbers: list[int], *, names: Sequence[str] | None = None) -> int:
        return len(numbers)

    for _ in range(2):
        assert total([1, 2], names=["a"]) == 2
        with pytest.raises(TypeError, match="numbers"):
            total(["one"], names=["a"])
        with pytest.raises(TypeError, match="names"):
            total([1, 2], names=[1])


def test_numbers_that_are_too_long_for_what_is_computed_are_told_and_other_overflows_left_alone():
    @checked
    def counted(size: int, scale: float = 1.0) -> int:
        return len(range(size)) + int(scale)

    for _ in range(2):
        assert counted(3) == 4
        with pytest.raises(
            ValueError, match=r"counted .*\n  size: expected fewer than 64 bits, got 2"
        ):
            counted(2 * 10**30)
        with pytest.raises(OverflowError):
            counted(1, scale=float("inf"))


def test_an_array_of_one_number_is_no_list():
    assert not fits(np.array(3.0), Sequence[float])
    assert not fits(torch.tensor(3), tuple[int, ...])
    assert fits(torch.zeros(1), Sequence[float])


@pytest.mark.parametrize(
    ("value", "numbers", "parts"),
    [
        (range(3), True, False),
        (torch.zeros(3, dtype=torch.long), True, False),
        (torch.zeros(2, 3, device="meta"), False, False),
        (np.zeros(3, dtype=np.int32), True, False),
        (np.zeros((2, 2)), False, False),
        (np.array([len, len]), False, False),
        (torch.zeros(0), True, False),
    ],
)
def test_items_of_ranges_arrays_and_tensors_are_held_against_annotations_too(value, numbers, parts):
    assert fits(value, Sequence[float]) == numbers
    assert fits(value, Sequence[nn.Module]) == parts
    assert fits(value, Sequence[Any])


def test_numbers_of_an_array_have_the_kind_of_its_type():
    assert not fits(torch.zeros(3), Sequence[int])
    assert fits(torch.zeros(3, dtype=torch.bool), Sequence[bool])
    assert fits(torch.zeros(2, 3), Sequence[Sequence[float]])
    assert fits(torch.zeros(3), Sequence[torch.Tensor])
    assert fits(torch.zeros(2, 3), Sequence[torch.Tensor])
