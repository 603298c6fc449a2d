from collections import UserDict, namedtuple
from dataclasses import dataclass

import pytest
import torch
from structured_models import Answer
from torch.testing import assert_close

from hypernas.subnet.arguments import Arguments
from hypernas.subnet.structure import map_tensors, named_tensors, tensors

X, Y = torch.arange(3.0), torch.ones(2, 2)
Pair = namedtuple("Pair", "first second")


@dataclass(frozen=True)
class Boxes:
    corners: torch.Tensor
    names: tuple[str, ...]


def told(*positional, **keywords):
    return positional, keywords


@pytest.mark.parametrize(
    ("inputs", "positional", "keywords"),
    [
        (X, (X,), {}),
        ((X, Y), (X, Y), {}),
        ([X, [Y, X]], (X, [Y, X]), {}),
        ({"ids": X, "mask": {"a": Y}}, (), {"ids": X, "mask": {"a": Y}}),
        (UserDict(ids=X), (), {"ids": X}),
        (Boxes(X, ("a",)), (Boxes(X, ("a",)),), {}),
        (Arguments((X,), {"mask": Y}), (X,), {"mask": Y}),
        (Arguments(({"ids": X},)), ({"ids": X},), {}),
    ],
)
def test_inputs_are_arguments_by_their_structure(inputs, positional, keywords):
    found = Arguments.of(inputs)
    got = told(*found.positional, **found.keywords)
    assert repr(got) == repr((positional, keywords))
    again = Arguments.of(found.as_inputs())
    if not isinstance(inputs, Arguments):
        assert repr(again) == repr(found)


def test_a_mapping_whose_keys_are_no_names_says_how_it_is_one_argument():
    with pytest.raises(TypeError, match=r"got the keys \[0\].*Arguments\(\(mapping,\)\)"):
        Arguments.of({0: X})


@pytest.mark.parametrize(
    "value",
    [
        X,
        (X, [Y, None, 3]),
        {"a": X, "b": ("word", Y)},
        Pair(X, {"deep": Y}),
        Boxes(X, ("a", "b")),
        Answer(logits=X, states=(Y, X)),
        UserDict(ids=X, words=["a"]),
        Arguments((X,), {"mask": Y}),
    ],
)
def test_a_mapped_structure_is_of_its_class_and_only_its_tensors_change(value):
    before = [tensor.clone() for tensor in tensors(value)]
    found = map_tensors(lambda tensor: tensor + 1, value)
    assert type(found) is type(value)
    assert [name for name, _ in named_tensors(found)] == [name for name, _ in named_tensors(value)]
    assert_close(list(tensors(found)), [tensor + 1 for tensor in before])
    assert_close(list(tensors(value)), before)


def test_attributes_and_items_of_an_object_that_is_a_mapping_change_alike():
    found = map_tensors(lambda tensor: tensor * 2, Answer(logits=X, states=(Y,)))
    assert found.logits is found["logits"]
    assert found.loss is None
    assert list(found) == ["logits", "states"]
    assert_close(found.states[0], 2 * Y)


def test_tensors_are_named_by_their_places():
    value = {"heads": [X, (Y,)], "object": Answer(logits=X)}
    names = [name for name, _ in named_tensors(value)]
    assert names == ["heads.0", "heads.1.0", "object.logits"]
    assert [name for name, _ in named_tensors(X)] == [""]
