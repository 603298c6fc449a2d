import pytest
import torch

from hypernas import Choice, SearchSpace
from hypernas.sampling import Fixed, Sandwich, Uniform

SPACE = SearchSpace(
    {"depth": [1, 2], "width": [8, 16], "kernel": Choice([3, 5], when={"depth": [2]})},
    build=lambda architecture: torch.nn.Linear(1, 1),
)


@pytest.mark.parametrize("sampler", [Uniform(num=3), Sandwich(num_random=2), Fixed()])
def test_equal_generators_draw_equal_architectures(sampler):
    drawn = [sampler(SPACE, torch.Generator().manual_seed(7)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert all(architecture in SPACE for architecture in drawn[0])


def test_a_sandwich_is_the_largest_then_random_ones_then_the_smallest():
    drawn = Sandwich(num_random=2)(SPACE, torch.Generator().manual_seed(0))
    assert len(drawn) == 4
    assert drawn[0] == SPACE.largest()
    assert drawn[-1] == SPACE.smallest()


def test_uniform_sampling_reaches_every_architecture():
    rng = torch.Generator().manual_seed(0)
    drawn = {a for _ in range(40) for a in Uniform(num=2)(SPACE, rng)}
    assert drawn == set(SPACE.enumerate())


def test_fixed_sampling_takes_names_and_mappings():
    sampler = Fixed(architectures=["smallest", {"depth": 2, "width": 8, "kernel": 5}])
    drawn = sampler(SPACE, torch.Generator())
    assert drawn == [SPACE.smallest(), {"depth": 2, "width": 8, "kernel": 5}]


def test_a_word_that_names_no_architecture_is_refused():
    with pytest.raises(ValueError, match="'largest', 'smallest' or a mapping"):
        Fixed(architectures=["huge"])(SPACE, torch.Generator())


@pytest.mark.parametrize(
    "make",
    [
        lambda: Uniform(num=0),
        lambda: Sandwich(num_random=-1),
        lambda: Fixed(architectures=[]),
        lambda: Fixed(architectures="largest"),
    ],
)
def test_impossible_samplers_are_refused(make):
    with pytest.raises(ValueError, match="got"):
        make()
