import copy
import json
import pickle

import numpy as np
import pytest
import torch

from hypernas import Architecture
from hypernas.space.architecture import freeze


def test_an_architecture_equals_the_dict_of_its_items_in_any_order():
    architecture = Architecture({"depth": 2, "kernels": (3, 5)})
    assert architecture == {"kernels": (3, 5), "depth": 2}
    assert architecture != {"depth": 2}
    assert dict(architecture) == {"depth": 2, "kernels": (3, 5)}


def test_equal_architectures_are_one_dictionary_key():
    first, second = Architecture({"a": 1, "b": [2]}), Architecture({"b": (2,), "a": 1})
    assert first == second
    assert {first: "found"}[second] == "found"


def test_later_changes_of_the_source_do_not_reach_an_architecture():
    source = {"kernels": [3, 5]}
    architecture = Architecture(source)
    source["kernels"].append(7)
    assert architecture == {"kernels": (3, 5)}


def test_an_architecture_cannot_be_changed():
    architecture = Architecture({"a": 1})
    with pytest.raises(TypeError):
        architecture["a"] = 2
    with pytest.raises(AttributeError):
        architecture.other = 2


@pytest.mark.parametrize(
    "again",
    [
        lambda a: Architecture.from_json(a.to_json()),
        lambda a: pickle.loads(pickle.dumps(a)),
        copy.deepcopy,
        lambda a: Architecture(dict(a)),
        lambda a: Architecture(json.loads(json.dumps(dict(a)))),
    ],
    ids=["json", "pickle", "deepcopy", "dict", "plain json"],
)
def test_an_architecture_comes_back_the_same_from(again):
    values = {"a": 1, "b": 0.5, "c": None, "d": True, "e": "x", "f": ((1, 2), (3,))}
    architecture = Architecture(values)
    assert again(architecture) == architecture
    assert hash(again(architecture)) == hash(architecture)


def test_a_missing_choice_is_named_with_those_there_are():
    architecture = Architecture({"depth": 1})
    with pytest.raises(KeyError, match=r"'width' is not an active choice of .*'depth'"):
        architecture["width"]
    assert architecture.get("width", 7) == 7
    assert "width" not in architecture


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(3), 3),
        (np.float64(0.5), 0.5),
        (np.str_("x"), "x"),
        (np.bool_(True), True),
        (torch.tensor(3), 3),
        ([1, [2, 3]], (1, (2, 3))),
        (range(2), (0, 1)),
    ],
)
def test_freezing_gives_plain_values(value, plain):
    assert freeze(value) == plain
    assert type(freeze(value)) is type(plain)


@pytest.mark.parametrize("value", [{1: 2}, {1}, object(), np.arange(3)])
def test_a_value_that_json_cannot_hold_is_refused(value):
    with pytest.raises(TypeError, match="must be None, a bool, a number, a string or a sequence"):
        freeze(value)


def test_the_text_of_an_architecture_is_readable():
    assert (
        str(Architecture({"a": 1, "b": ("x", None), "c": True})) == "{a: 1, b: [x, null], c: true}"
    )
