import pytest
import torch

from hypernas import Choice, SearchSpace
from hypernas.sampling import stratified_subnets
from hypernas.spaces import conv2d

SMALL = SearchSpace(
    {"depth": [1, 2], "width": [8, 16], "kernel": Choice([3, 5], when={"depth": [2]})},
    build=lambda architecture: torch.nn.Linear(1, 1),
)
LARGE = conv2d(input_shape=(1, 8, 8), num_classes=10)


def cost(architecture):
    return sum(v for v in architecture.values() if isinstance(v, int))


def sample(space=LARGE, num=10, *, seed=0, **options):
    return stratified_subnets(space, num, cost=cost, seed=seed, **options)


def test_a_sample_is_distinct_and_a_function_of_its_seed():
    first, again, other = (sample(seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    assert len(set(first.values())) == 10
    assert list(first) == [f"stratum_{i}" for i in range(10)]


def test_costs_rise_along_the_sample():
    costs = [cost(a) for a in sample(num=20).values()]
    assert costs == sorted(costs)


def test_one_comes_from_each_equal_part_of_the_space_when_the_pool_is_all_of_it():
    ordered = sorted(LARGE.enumerate(), key=cost)
    part = len(ordered) / 6
    for i, architecture in enumerate(sample(num=6, pool=LARGE.size).values()):
        inside = ordered[round(i * part) : round((i + 1) * part)]
        assert cost(inside[0]) <= cost(architecture) <= cost(inside[-1])


def test_a_sample_of_all_there_is_holds_each_once():
    assert set(sample(SMALL, SMALL.size).values()) == set(SMALL.enumerate())


def test_every_architecture_can_be_drawn():
    drawn = {a for seed in range(60) for a in sample(SMALL, 2, seed=seed).values()}
    assert drawn == set(SMALL.enumerate())


def test_the_state_of_torch_is_left_alone():
    before = torch.get_rng_state()
    sample()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("num", [0, -1, SMALL.size + 1])
def test_more_than_there_are_or_none_is_refused(num):
    with pytest.raises(ValueError, match=f"1 to {SMALL.size} subnets.* got {num}"):
        sample(SMALL, num)


def test_a_space_in_which_some_architectures_are_hardly_ever_drawn_by_choice_is_sampled_at_once():
    choices = {"step_0": Choice(["go", "stop"])}
    for i in range(1, 210):
        choices[f"step_{i}"] = Choice(["go", "stop"], when={f"step_{i - 1}": "go"})
    chain = SearchSpace(choices, build=lambda architecture: torch.nn.Linear(1, 1))
    assert chain.size == 211
    found = stratified_subnets(chain, 10, cost=len, seed=0)
    assert max(len(architecture) for architecture in found.values()) > 180
