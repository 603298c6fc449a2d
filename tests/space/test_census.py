"""Architectures are counted and drawn without going through them."""

import itertools
import math
import random
from collections import Counter

import pytest
import torch
from scipy.stats import chisquare
from torch import nn

from hypernas import Choice, SearchSpace
from hypernas.space.random_source import below


def space_of(choices) -> SearchSpace:
    return SearchSpace(choices, build=lambda _: nn.Linear(1, 1))


def conditional(seed: int) -> SearchSpace:
    """Up to seven choices, each hanging on up to three others, on values or on none of them."""
    rng = random.Random(seed)
    choices: dict[str, Choice] = {}
    for i in range(rng.randint(1, 7)):
        parents = rng.sample(list(choices), k=min(len(choices), rng.choice([0, 1, 1, 2, 3])))
        when = {}
        for parent in parents:
            values = choices[parent].values
            when[parent] = rng.sample(values, k=rng.randint(0, len(values)))
        choices[f"choice_{i}"] = Choice(list(range(rng.randint(1, 3))), when=when)
    return space_of(choices)


def deep(num: int) -> SearchSpace:
    """Blocks that hang on one depth, each with an operation, and a kernel that hangs on that."""
    choices: dict = {"depth": list(range(2, num + 1))}
    for i in range(num):
        there = {"depth": list(range(max(i + 1, 2), num + 1))}
        choices[f"operation_{i}"] = Choice(["conv", "mlp", "skip"], when=there)
        kernels = {f"operation_{i}": ["conv", "mlp"]}
        choices[f"kernel_{i}"] = Choice([3, 5, 7], when=kernels)
    return space_of(choices)


@pytest.mark.parametrize("seed", range(0, 300, 50))
def test_the_size_is_the_number_of_architectures_whatever_the_conditions(seed):
    for one in range(seed, seed + 50):
        space = conditional(one)
        found = list(space.enumerate())
        assert space.size == len(found) == len(set(found))


@pytest.mark.parametrize("seed", [0, 5, 11, 25, 31, 45])
def test_every_architecture_is_drawn_equally_often(seed):
    space = conditional(seed)
    rng = torch.Generator().manual_seed(0)
    counts = Counter(space.sample(rng) for _ in range(20 * space.size))
    every = list(space.enumerate())
    assert set(counts) <= set(every)
    if len(every) > 1:
        assert chisquare([counts[architecture] for architecture in every]).pvalue > 1e-3


def test_depths_are_drawn_as_often_as_they_have_architectures():
    space, rng = deep(4), torch.Generator().manual_seed(0)
    counts = Counter(space.sample(rng)["depth"] for _ in range(2000))
    expected = [2000 * 7**depth / space.size for depth in (2, 3, 4)]
    assert chisquare([counts[depth] for depth in (2, 3, 4)], expected).pvalue > 1e-3


def test_choice_by_choice_all_depths_are_as_likely():
    space, rng = deep(4), torch.Generator().manual_seed(0)
    counts = Counter(space.sample_choices(rng)["depth"] for _ in range(2000))
    assert chisquare([counts[depth] for depth in (2, 3, 4)]).pvalue > 1e-3


def test_without_conditions_both_ways_of_drawing_are_one():
    space = space_of({"a": [1, 2, 3], "b": [4], "c": ["x", "y"], "d": list(range(10))})
    first, second = (torch.Generator().manual_seed(3) for _ in range(2))
    drawn = [space.sample(first) for _ in range(20)]
    assert drawn == [space.sample_choices(second) for _ in range(20)]
    assert torch.equal(first.get_state(), second.get_state())


@pytest.mark.parametrize("num", [20, 60])
def test_blocks_with_operations_and_kernels_hanging_on_one_depth_are_counted_at_once(num):
    space = deep(num)
    assert space.size == sum(7**depth for depth in range(2, num + 1))
    assert f"size={space.size}" in repr(space)
    assert space.sample(torch.Generator().manual_seed(0)) in space


def test_a_chain_of_conditions_is_counted_at_once():
    choices = {"first": Choice(["go", "stop"])}
    for before, name in itertools.pairwise(["first", *(f"next_{i}" for i in range(300))]):
        choices[name] = Choice(["go", "stop"], when={before: "go"})
    space = space_of(choices)
    assert space.size == 302
    assert len(list(space.enumerate())) == 302


def test_a_choice_that_hangs_on_many_others_is_counted_at_once():
    choices = {f"part_{i}": Choice([1, 2, 3]) for i in range(40)}
    choices["all_small"] = Choice(list("abcd"), when={name: [1] for name in choices})
    assert space_of(choices).size == 3**40 + 3


def test_choices_between_neighbours_are_counted_at_once_in_any_order():
    num = 40
    names = [f"part_{i}" for i in (*range(0, num, 2), *range(1, num, 2))]
    choices = {name: Choice(["yes", "no"]) for name in names}
    for i in range(num - 1):
        both = {f"part_{i}": "yes", f"part_{i + 1}": "yes"}
        choices[f"link_{i}"] = Choice([1, 2, 3], when=both)
    yes, no = 1, 1  # the reference: ways by whether the last part says yes
    for _ in range(num - 1):
        yes, no = 3 * yes + no, yes + no
    assert space_of(choices).size == yes + no


@pytest.mark.parametrize("n", [2**16 + 1, 2**24, 3 * 2**30, 7**40])
def test_large_numbers_are_drawn_evenly(n):
    rng = torch.Generator().manual_seed(0)
    drawn = [below(rng, n) for _ in range(2000)]
    assert min(drawn) >= 0
    assert max(drawn) < n
    counts = Counter(math.floor(8 * number / n) for number in drawn)
    assert chisquare([counts[i] for i in range(8)]).pvalue > 1e-3
