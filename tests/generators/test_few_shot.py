"""Groups of architectures that share no weights."""

from functools import partial

import pytest
import torch
from example_spaces import EXAMPLES
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.generators.methods.grouping import ChoiceGroups, RandomGroups, SimilarGroups
from hypernas.spaces import mlp


def space() -> SearchSpace:
    return mlp(input_shape=(5,), num_classes=3, depths=(2,), widths=(4, 6, 8))


def train(generator, architectures, steps=6) -> None:
    """With momentum and decay, which move whatever has a gradient, be it zero."""
    optimizer = torch.optim.AdamW(generator.parameters(), lr=0.05, weight_decay=0.1)
    rng = torch.Generator().manual_seed(0)
    inputs = torch.randn(16, 5, generator=rng)
    generator.train()
    for step in range(steps):
        architecture = architectures[step % len(architectures)]
        generator.call(architecture, inputs).logsumexp(1).mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_one_group_is_plain_sharing_bit_for_bit():
    one, plain = generators.few_shot(space(), num_groups=1), generators.shared(space())
    architectures = list(space().enumerate())
    train(one, architectures)
    train(plain, architectures)
    assert_close(one.many(architectures), plain.many(architectures), rtol=0, atol=0)
    assert_close(
        one.statistics(architectures[0]).tensors, plain.statistics(architectures[0]).tensors
    )


def test_with_a_group_for_each_architecture_each_trains_as_if_alone():
    lone = mlp(input_shape=(5,), num_classes=3, depths=(1,), widths=(4, 6, 8))
    architectures = list(lone.enumerate())
    groups = generators.few_shot(lone, num_groups=3, grouping="choice", choice="width_0")
    assert [groups.groups(a) for a in architectures] == [0, 1, 2]
    train(groups, architectures, steps=9)
    for architecture in architectures:
        alone = generators.shared(lone)
        train(alone, [architecture], steps=3)
        assert_close(groups(architecture), alone(architecture), rtol=0, atol=0)
        assert_close(
            groups.statistics(architecture).tensors, alone.statistics(architecture).tensors
        )


def test_training_one_group_leaves_the_others_as_they_were():
    generator = generators.few_shot(space(), num_groups=3, grouping="choice", choice="width_0")
    architectures = list(space().enumerate())
    others = [a for a in architectures if a["width_0"] != 6]
    before = [{n: w.clone() for n, w in weights.items()} for weights in generator.many(others)]
    train(generator, [a for a in architectures if a["width_0"] == 6])
    assert_close(generator.many(others), before, rtol=0, atol=0)


def test_random_groups_are_about_equal_and_the_same_in_every_process():
    groups = RandomGroups(mlp(input_shape=(5,), num_classes=2, depths=(4,)), num=4, seed=0)
    found = torch.tensor([groups(a) for a in groups.space.enumerate()])
    assert_close(found.bincount() / 81, torch.full((4,), 0.25), rtol=0, atol=0.12)
    first = groups.space.smallest()
    assert groups(first) == first.digest(0) % 4
    assert first.digest(0) == 959590634
    assert [RandomGroups(groups.space, num=4, seed=s)(first) for s in range(6)] != [0] * 6


def test_groups_by_a_choice_are_runs_of_its_values():
    groups = ChoiceGroups(space(), num=2, choice="width_1")
    values = [groups({"depth": 2, "width_0": 4, "width_1": w}) for w in (4, 6, 8)]
    assert values == [0, 0, 1]


def test_an_architecture_without_the_choice_is_in_the_first_group():
    conv = EXAMPLES["conv"]().space
    assert ChoiceGroups(conv, num=2, choice="kernel_1")(conv.smallest()) == 0


@pytest.mark.parametrize("num", [2, 5, 9])
def test_groups_by_similarity_are_those_of_the_nearest_centre(num):
    groups = SimilarGroups(space(), num=num, seed=1)
    found = {groups(architecture) for architecture in space().enumerate()}
    assert found == set(range(num))
    for i, centre in enumerate(groups._centres):
        near = [a for a in space().enumerate() if torch.equal(groups._encoding(a), centre)]
        assert [groups(a) for a in near] == [i]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grouping": "choice"}, "needs one of .*width_0.*got choice=None"),
        ({"grouping": "choice", "choice": "width_0"}, "3 values .* cannot make 4 groups"),
        ({"grouping": "similar", "num_groups": 10}, "9 architectures cannot make 10 groups"),
        ({"grouping": "nearest"}, "must be one of random, sequential"),
        ({"num_groups": 0}, "1 or more groups"),
    ],
)
def test_a_grouping_that_cannot_be_says_why(options, message):
    with pytest.raises(ValueError, match=message):
        generators.few_shot(space(), **options)


def test_groups_start_from_a_trained_supernet():
    parent = generators.shared(space(), seed=5)
    architectures = list(space().enumerate())
    train(parent, architectures)
    child = generators.few_shot(space(), num_groups=2)
    child.start_from(parent)
    assert_close(child.many(architectures), parent.many(architectures), rtol=0, atol=0)
    assert_close(
        child.statistics(architectures[3]).tensors, parent.statistics(architectures[3]).tensors
    )


def test_loading_again_keeps_the_parameters_that_an_optimizer_holds():
    generator = generators.few_shot(space(), num_groups=2, generator=generators.Standalone)
    architectures = list(space().enumerate())
    for architecture in architectures[:4]:
        generator(architecture)
    before = [id(p) for p in generator.parameters()]
    generator.load_state_dict(generator.state_dict())
    assert before == [id(p) for p in generator.parameters()]


def test_groups_may_split_again_and_hold_any_generator():
    inner = partial(
        generators.few_shot,
        num_groups=3,
        grouping="choice",
        choice="width_1",
        generator=partial(generators.mos_layer, num_experts=2),
    )
    generator = generators.few_shot(
        space(), num_groups=3, grouping="choice", choice="width_0", generator=inner
    )
    assert len({id(generator.of(a).of(a)) for a in space().enumerate()}) == 9
    found = generators.coefficients(generator, space().smallest())
    assert found["layers.0.0.weight"].experts.shape == (2,)


def test_groups_that_read_conditions_of_different_sizes_are_refused():
    space = EXAMPLES["mlp"]().space
    sizes = iter([2, 3])

    def member(space):
        return generators.mos_layer(space, condition_dim=next(sizes))

    with pytest.raises(ValueError, match=r"read the same condition, but their sizes are \[2, 3\]"):
        generators.few_shot(space, num_groups=2, generator=member)


def test_a_state_of_other_groups_is_refused():
    space = EXAMPLES["mlp"]().space
    state = generators.few_shot(space, num_groups=2, seed=0).state_dict()
    generators.few_shot(space, num_groups=2, seed=0).load_state_dict(state)
    with pytest.raises(ValueError, match="under seed 0; these are 2 random groups under seed 1"):
        generators.few_shot(space, num_groups=2, seed=1).load_state_dict(state)
