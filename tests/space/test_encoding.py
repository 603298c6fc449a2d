import math

import pytest
import torch
from example_spaces import EXAMPLES
from torch import nn

from hypernas import Choice, SearchSpace
from hypernas.space.encoding import Encoding, mip


@pytest.mark.parametrize("name", EXAMPLES)
def test_features_lie_in_the_unit_interval_and_tell_all_architectures_apart(name):
    space = EXAMPLES[name]().space
    encoding = Encoding(space)
    rows = torch.stack([encoding(a) for a in space.enumerate()])
    assert rows.shape == (space.size, encoding.dim)
    assert rows.min() == 0
    assert rows.max() == 1
    assert len(rows.unique(dim=0)) == space.size


def test_features_are_those_of_the_definition():
    encoding = Encoding(
        SearchSpace(
            {
                "width": [8, 10, 16],
                "size": Choice(["s", "m", "l"], ordered=True),
                "kind": ["a", "b"],
                "one": [7],
                "kernel": Choice([3, 5], when={"kind": ["b"]}),
                "act": Choice(["x", "y"], when={"kind": ["b"]}),
            },
            lambda architecture: nn.Identity(),
        )
    )
    with_b = {"width": 10, "size": "m", "kind": "b", "one": 7, "kernel": 3, "act": "y"}
    features = dict(zip(encoding.names, encoding(with_b).tolist(), strict=True))
    assert features == {
        "width": 0.25,
        "size": 0.5,
        "kind = a": 0,
        "kind = b": 1,
        "one": 0,
        "kernel is there": 1,
        "kernel": 0,
        "act is there": 1,
        "act = x": 0,
        "act = y": 1,
    }
    without = encoding({"width": 16, "size": "l", "kind": "a", "one": 7})
    torch.testing.assert_close(without, torch.tensor([1.0, 1, 1, 0, 0, 0, 0, 0, 0, 0]))


@pytest.mark.parametrize("dim", [1, 2, 7, 40, 300])
def test_the_mip_encoding_is_a_block_of_cosines_then_of_sines(dim, rng):
    features = torch.rand(dim, generator=rng)
    expected = [math.cos(math.pi * g / 2) for g in features.tolist()]
    expected += [math.sin(math.pi * g / 2) for g in features.tolist()]
    torch.testing.assert_close(mip(features), torch.tensor(expected))


@pytest.mark.parametrize("dim", [1, 2, 7, 40, 300])
def test_the_squared_norm_of_the_mip_encoding_is_the_number_of_features(dim, rng):
    features = torch.cat(
        [torch.rand(50, dim, generator=rng), torch.zeros(1, dim), torch.ones(1, dim)]
    )
    norms = mip(features.double()).square().sum(-1)
    torch.testing.assert_close(norms, torch.full_like(norms, dim))
    norms = mip(features.double(), normalize=True).square().sum(-1)
    torch.testing.assert_close(norms, torch.ones_like(norms))
