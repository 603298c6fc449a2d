"""A nested family of architectures."""

import itertools

import pytest
import torch
from torch.testing import assert_close
from training_runs import blobs, fit, short

from hypernas import Choice, SearchSpace, generators
from hypernas.data import digits
from hypernas.evaluation import Budget
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Fixed, Nested, nested_family
from hypernas.spaces import conv1d, mlp, resnet, vit
from hypernas.training import Training

MLP = mlp(input_shape=(2,), num_classes=3, depths=(1, 2, 3), widths=(8, 12, 16), norm="layer")
SPACES = {
    "mlp": MLP,
    "conv1d": conv1d(input_shape=(1, 16), num_classes=3, widths=((4, 8), (8, 12))),
    "resnet": resnet(input_shape=(3, 8, 8), num_classes=3),
    "vit": vit(input_shape=(3, 16, 16), num_classes=3),
}


@pytest.mark.parametrize("name", SPACES)
def test_the_weights_of_each_member_are_among_those_of_the_next(name):
    space = SPACES[name]
    generator = generators.shared(space)
    family = nested_family(space, 6)
    assert (family[0], family[-1]) == (space.smallest(), space.largest())
    assert len(set(family)) == 6
    before: dict = {}
    for member in family:
        own = {
            n: [set(axis.indices) for axis in where.axes]
            for n, where in generator.slices(member).items()
        }
        for parameter, axes in before.items():
            assert all(a <= b for a, b in zip(axes, own[parameter], strict=True)), parameter
        before = own


def test_the_whole_chain_raises_one_choice_at_a_time_and_all_evenly():
    wide = SearchSpace(
        {"a": list(range(1, 5)), "b": list(range(1, 9)), "op": ["x", "y"]},
        build=lambda architecture: torch.nn.Linear(1, 1),
    )
    chain = nested_family(wide)
    assert len(chain) == 1 + 3 + 7
    steps = [
        sum(after[n] - before[n] for n in ("a", "b")) for before, after in itertools.pairwise(chain)
    ]
    assert steps == [1] * 10
    assert all(abs((a["a"] - 1) / 3 - (a["b"] - 1) / 7) <= 1 / 3 + 1e-9 for a in chain)
    assert {a["op"] for a in chain} == {wide.largest()["op"]}
    assert nested_family(wide, 1000) == chain


def test_choices_that_become_active_begin_at_their_smallest():
    space = SearchSpace(
        {"depth": [1, 2], "late": Choice([3, 5, 7], when={"depth": [2]})},
        build=lambda architecture: torch.nn.Linear(1, 1),
    )
    assert [dict(a) for a in nested_family(space)] == [
        {"depth": 1},
        {"depth": 2, "late": 3},
        {"depth": 2, "late": 5},
        {"depth": 2, "late": 7},
    ]


def test_the_gradient_of_a_drawn_member_is_on_average_that_of_the_mean_loss():
    family = Nested(members=5).family(MLP)
    batch = tuple(t[:40] for t in blobs().train.tensors)

    def gradient(architectures):
        generator = generators.shared(MLP).double()
        Training(combine="mean").backward(
            generator, architectures, (batch[0].double(), batch[1]), CrossEntropy()
        )
        found = [torch.zeros_like(p) if p.grad is None else p.grad for p in generator.parameters()]
        return torch.cat([g.flatten() for g in found])

    each = torch.stack([gradient([member]) for member in family])
    assert_close(each.mean(0), gradient(family), rtol=1e-12, atol=1e-15)
    sampler, rng = Nested(members=5), torch.Generator().manual_seed(0)
    drawn = [family.index(sampler(MLP, rng)[0]) for _ in range(2000)]
    counts = torch.bincount(torch.tensor(drawn), minlength=5) / 2000
    assert_close(counts, torch.full((5,), 0.2), rtol=0, atol=0.04)


def test_every_member_at_each_step_is_a_fixed_list_with_the_largest_first():
    found = []
    family = Nested(members=3).family(MLP)[::-1]
    for sampler in (Nested(members=3, num=None), Fixed(architectures=family)):
        generator = generators.shared(MLP)
        fit(generator, short(3), sampler=sampler, callbacks=[])
        found.append(generator.state_dict())
    assert family[0] == MLP.largest()
    assert_close(found[0], found[1], rtol=0, atol=0)


def test_a_step_costs_one_pass_over_the_batch_for_any_number_of_members():
    data = digits()
    space = mlp(input_shape=(1, 8, 8), num_classes=10, depths=(2,), widths=tuple(range(8, 89)))
    assert len(nested_family(space)) == 161
    steps = [
        Budget.of(space, data, Nested(members=m, num=16, divide=True), reference_steps=64).spent(64)
        for m in (10, 40, 160)
    ]
    assert max(steps) < 1.1 * min(steps) < 1


@pytest.mark.parametrize("wrong", [{"members": 1}, {"num": 0}])
def test_families_of_one_and_steps_of_none_are_refused(wrong):
    with pytest.raises(ValueError, match="members must be 2 or more"):
        Nested(**wrong)
    with pytest.raises(ValueError, match="two members or more"):
        nested_family(MLP, 1)
