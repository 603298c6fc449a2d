import itertools
import pickle
import random
from collections import Counter

import numpy as np
import pytest
import torch
from example_spaces import EXAMPLES
from torch import nn

from hypernas import Architecture, Choice, SearchSpace

RNGS = {
    "torch": lambda seed: torch.Generator().manual_seed(seed),
    "random": random.Random,
    "numpy": np.random.default_rng,
}


def build(architecture: Architecture) -> nn.Module:
    return nn.Linear(2, 2)


@pytest.fixture(params=EXAMPLES)
def space(request) -> SearchSpace:
    return EXAMPLES[request.param]().space


@pytest.fixture
def nested() -> SearchSpace:
    return SearchSpace(
        {
            "depth": Choice([1, 2]),
            "second": Choice(["conv", "mlp"], when={"depth": 2}),
            "kernel": Choice([3, 5, 7], when={"second": ["conv"]}),
            "free": [1, 2, 3],
        },
        build,
    )


def test_enumeration_yields_every_architecture_once(nested):
    found = list(nested.enumerate())
    per_free = [{"depth": 1}, {"depth": 2, "second": "mlp"}] + [
        {"depth": 2, "second": "conv", "kernel": k} for k in (3, 5, 7)
    ]
    expected = [a | {"free": f} for a, f in itertools.product(per_free, (1, 2, 3))]
    assert len(found) == len(expected)
    assert set(found) == {Architecture(a) for a in expected}


def test_the_size_is_the_number_of_enumerated_architectures(space, nested):
    assert space.size == len(set(space.enumerate()))
    assert nested.size == len(set(nested.enumerate()))


def test_the_size_counts_conditions_of_conditions_beside_free_choices():
    choices = {"depth": [1, 2], "width": Choice([1, 2, 3], when={"depth": 2})}
    choices["kind"] = Choice(["a", "b"], when={"depth": 2})
    choices["kernel"] = Choice([3, 5], when={"kind": ["a"]})
    space = SearchSpace(choices, build)
    assert space.size == len(set(space.enumerate())) == 1 + 3 * (2 + 1)


def test_the_size_of_a_space_too_large_to_enumerate_is_exact():
    choices = {f"depth_{i}": [1, 2] for i in range(40)}
    choices |= {f"width_{i}": Choice([1, 2, 3], when={f"depth_{i}": 2}) for i in range(40)}
    assert SearchSpace(choices, build).size == 4**40


def test_smallest_and_largest_take_the_first_and_last_values(nested):
    assert nested.smallest() == {"depth": 1, "free": 1}
    assert nested.largest() == {"depth": 2, "second": "mlp", "free": 3}


@pytest.mark.parametrize("rng", RNGS.values(), ids=RNGS)
def test_sampling_is_a_function_of_the_random_state(space, rng):
    first, second, other = rng(3), rng(3), rng(4)
    drawn = [space.sample(first) for _ in range(20)]
    assert drawn == [space.sample(second) for _ in range(20)]
    assert drawn != [space.sample(other) for _ in range(20)]
    assert all(a in space and space.architecture(a) == a for a in drawn)


@pytest.mark.parametrize("rng", RNGS.values(), ids=RNGS)
def test_every_value_of_an_active_choice_is_drawn_equally_often(nested, rng):
    rng = rng(0)
    counts = Counter(nested.sample(rng)["free"] for _ in range(3000))
    for value in (1, 2, 3):  # 5 standard deviations: 129
        assert abs(counts[value] - 1000) < 129


def test_a_random_state_of_another_kind_is_refused(space):
    with pytest.raises(TypeError, match=r"torch\.Generator, a random\.Random or a numpy"):
        space.sample(7)


def test_a_mutation_is_another_architecture_of_the_space(space, nested, rng):
    for each in (space, nested):
        for _ in range(50):
            parent = each.sample(rng)
            child = each.mutate(parent, rng, probability=0.1)
            assert child in each
            assert child != parent


def test_a_mutation_of_probability_zero_changes_one_choice(rng):
    space = SearchSpace({name: [1, 2, 3] for name in "abcd"}, build)
    for _ in range(20):
        parent = space.sample(rng)
        child = space.mutate(parent, rng, probability=0)
        assert sum(child[name] != parent[name] for name in "abcd") == 1


def test_a_mutation_of_probability_one_changes_every_choice(rng):
    space = SearchSpace({name: [1, 2, 3] for name in "abcd"}, build)
    parent = space.sample(rng)
    child = space.mutate(parent, rng, probability=1)
    assert all(child[name] != parent[name] for name in "abcd")


def test_the_only_architecture_mutates_into_itself(rng):
    space = SearchSpace({"a": [1]}, build)
    assert space.mutate({"a": 1}, rng) == {"a": 1}


def test_a_child_takes_every_choice_that_a_parent_has_from_a_parent(space, nested, rng):
    for each in (space, nested):
        for _ in range(50):
            parents = each.sample(rng), each.sample(rng)
            child = each.crossover(*parents, rng)
            assert child in each
            for name, value in child.items():
                there = [parent[name] for parent in parents if name in parent]
                assert not there or value in there


def test_crossover_of_an_architecture_with_itself_changes_nothing(space, rng):
    parent = space.sample(rng)
    assert space.crossover(parent, parent, rng) == parent


def test_inactive_choices_are_dropped(nested):
    described = {"depth": 1, "second": "conv", "kernel": 5, "free": 2}
    assert nested.architecture(described) == {"depth": 1, "free": 2}


def test_numbers_from_numpy_and_lists_are_accepted():
    space = SearchSpace({"a": [1, 2], "b": Choice([(1, 2), (3, 4)])}, build)
    found = space.architecture({"a": np.int64(2), "b": [3, 4]})
    assert found == {"a": 2, "b": (3, 4)}
    assert type(found["a"]) is int


def test_every_misfit_of_a_description_is_named_at_once(nested):
    with pytest.raises(ValueError, match="is not an architecture") as caught:
        nested.architecture({"depth": 3, "widht": 2})
    assert str(caught.value).splitlines()[1:] == [
        "  widht: no such choice, expected some of ['depth', 'second', 'kernel', 'free']",
        "  depth: expected one of [1, 2], got 3",
        "  free: missing, expected one of [1, 2, 3]",
    ]
    assert {"depth": 3} not in nested
    assert 5 not in nested


def test_a_name_near_another_is_asked_about(nested):
    with pytest.raises(ValueError, match=r"kernal: no such choice \(did you mean kernel\?\)"):
        nested.architecture({"depth": 1, "free": 1, "kernal": 3})


def test_numeric_values_are_sorted_and_ordinal_and_others_are_neither():
    assert Choice([5, 3]).values == (3, 5)
    assert Choice([5, 3]).ordered
    assert Choice(["b", "a"]).values == ("b", "a")
    assert not Choice(["b", "a"]).ordered
    assert not Choice([False, True]).ordered
    assert Choice(["small", "large"], ordered=True).ordered


@pytest.mark.parametrize(
    ("values", "error"),
    [([], ValueError), ([1, 1], ValueError), ("ab", TypeError), ([{}], TypeError), (3, TypeError)],
)
def test_a_choice_without_distinct_plain_values_is_refused(values, error):
    with pytest.raises(error):
        Choice(values)


def test_conditions_on_later_choices_and_unknown_values_are_refused():
    with pytest.raises(ValueError, match="do not form a search space") as caught:
        SearchSpace(
            {"a": Choice([1, 2], when={"b": 1}), "b": [1, 2], "c": Choice([1], when={"b": [7]})},
            build,
        )
    assert "a: depends on 'b', which does not stand before it" in str(caught.value)
    assert "c: is active when b is one of [7]" in str(caught.value)


def test_a_space_needs_choices_and_a_builder_of_modules():
    with pytest.raises(ValueError, match="at least one choice"):
        SearchSpace({}, build)
    with pytest.raises(TypeError, match="must be a function"):
        SearchSpace({"a": [1]}, None)
    with pytest.raises(TypeError, match=r"must return an nn\.Module, got int"):
        SearchSpace({"a": [1]}, lambda architecture: 3).build({"a": 1})


def test_the_builder_sees_active_choices_only(nested):
    seen = []
    space = SearchSpace(nested.choices, lambda a: seen.append(a) or nn.Identity())
    space.build({"depth": 1, "second": "conv", "kernel": 3, "free": 1})
    assert seen == [{"depth": 1, "free": 1}]


def test_references_hold_the_parameters_of_every_architecture(space):
    held = {
        name
        for reference in space.references()
        for name, _ in space.build(reference).named_parameters()
    }
    for architecture in space.enumerate():
        assert {name for name, _ in space.build(architecture).named_parameters()} <= held


def test_references_reach_categories_that_depend_on_other_categories(nested):
    space = SearchSpace(
        {**nested.choices, "leaf": Choice(["x", "y"], when={"second": ["conv"]})}, build
    )
    assert {a.get("leaf") for a in space.references()} == {None, "x", "y"}


def test_a_space_pickles(space, rng):
    again = pickle.loads(pickle.dumps(space))
    assert again.to_json() == space.to_json()
    assert list(again.enumerate()) == list(space.enumerate())


def test_spaces_of_other_choices_have_other_json(nested):
    other = SearchSpace({**nested.choices, "free": [1, 2]}, build)
    assert nested.to_json() != other.to_json()
