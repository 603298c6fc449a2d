"""Generators composed by the names of parameters."""

from functools import partial

import pytest
import torch
from example_spaces import EXAMPLES
from torch.testing import assert_close

from hypernas import generators
from hypernas.spaces import conv2d, mlp
from hypernas.subnet.norms import norm_statistics


def samples(space, num=4):
    rng = torch.Generator().manual_seed(2)
    return [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(num))]


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_parameter_is_what_its_generator_alone_makes_of_it(name):
    space, _ = EXAMPLES[name]()
    routed = partial(generators.mos_layer, num_experts=3, experts="*", seed=4)
    together = generators.by_name(
        space,
        {"*weight": partial(generators.shared, seed=4), "*[!t]": generators.Standalone},
    ).eval()
    shared, alone = generators.shared(space, seed=4), generators.Standalone(space).eval()
    for architecture in samples(space):
        plain, own = shared(architecture), alone(architecture)
        for parameter, weight in together(architecture).items():
            expected = plain if parameter.endswith("weight") else own
            assert_close(weight, expected[parameter], rtol=0, atol=0)
    both = generators.by_name(space, {"*bias": generators.shared}, rest=routed).eval()
    bare = generators.by_name(space, rest=routed).eval()
    whole = routed(space).eval()
    for architecture in samples(space):
        assert_close(bare(architecture), whole(architecture), rtol=0, atol=0)
        for parameter, weight in both(architecture).items():
            if parameter.endswith("bias"):
                continue
            assert weight.shape == whole(architecture)[parameter].shape


def test_parts_store_only_their_own_parameters():
    space = mlp(input_shape=(6,), num_classes=3)
    generator = generators.by_name(
        space, {"head.*": partial(generators.few_shot, num_groups=5)}, rest=generators.shared
    )
    head = 3 * 128 + 3
    plain = sum(p.numel() for p in generators.shared(space).parameters())
    assert generator.describe().num_stored == plain + 4 * head


def test_each_norm_keeps_its_statistics_in_the_part_that_makes_its_parameters():
    space = conv2d(input_shape=(1, 8, 8), num_classes=2)
    generator = generators.by_name(
        space,
        {"stages.0.*": generators.shared, "stages.1.*": generators.Standalone},
        rest=generators.shared,
    )
    architecture = space.largest()
    expected = set(norm_statistics(space.build(architecture)))
    found = [set(part.statistics(architecture).tensors) for part in generator.parts]
    assert set(generator.statistics(architecture).tensors) == expected
    assert sum(map(len, found)) == len(expected)
    assert all(name.startswith("stages.1.") for name in found[1])
    assert not found[2]
    generator.train().call(architecture, torch.randn(4, 1, 8, 8))
    assert all(
        int(t) == 1 for n, t in generator.statistics(architecture).tensors.items() if "tracked" in n
    )


def test_unmatched_and_doubly_matched_names_are_one_error():
    space = EXAMPLES["mlp"]().space
    with pytest.raises(ValueError, match="must match one pattern") as error:
        generators.by_name(
            space,
            {
                "layers.*": generators.shared,
                "*.0.bias": generators.shared,
                "tail.*": generators.shared,
            },
        )
    text = str(error.value)
    assert "layers.0.bias: matches ['layers.*', '*.0.bias']" in text
    assert "head.weight: matches no pattern" in text
    assert "head.bias: matches no pattern" in text
    assert "'tail.*': matches no parameter" in text
    assert "layers.1.bias:" not in text


def test_parts_read_one_condition_or_none():
    space = EXAMPLES["mlp"]().space
    routed = partial(generators.mos_layer, dropout=0.0)
    generator = generators.by_name(
        space,
        {"layers.*": partial(routed, condition_dim=3)},
        rest=generators.shared,
    )
    assert generator.condition_dim == 3
    one, two = (generator(generator.subnet(space.largest(), c)) for c in torch.eye(3)[:2])
    assert not torch.equal(one["layers.0.weight"], two["layers.0.weight"])
    assert torch.equal(one["head.weight"], two["head.weight"])
    with pytest.raises(ValueError, match=r"sizes are \{'layers.\*': 3, 'rest': 2\}"):
        generators.by_name(
            space,
            {"layers.*": partial(routed, condition_dim=3)},
            rest=partial(routed, condition_dim=2),
        )


def test_auxiliary_losses_of_the_parts_add_up():
    space = EXAMPLES["mlp"]().space
    routed = partial(generators.mos_layer, balance=1.0, dropout=0.0)
    generator = generators.by_name(space, {"head.*": routed, "layers.*": routed})
    architectures = samples(space)
    subnets = [generator.subnet(architecture) for architecture in architectures]
    parts = sum(
        generators.auxiliary_loss(part, [part.subnet(subnet) for subnet in subnets])
        for part in generator.parts
    )
    assert_close(generators.auxiliary_loss(generator, subnets), parts)
    assert parts.requires_grad
