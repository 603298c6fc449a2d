"""Parameters that all share, and others by groups."""

from collections import Counter

import pytest
import torch
from torch.testing import assert_close

from hypernas import generators
from hypernas.generators.methods.grouping import SequentialGroups, SizeGroups, ValueGroups
from hypernas.spaces import mlp


def space():
    return mlp(input_shape=(5,), num_classes=3, depths=(2,), widths=(4, 6))


def train(generator, architectures, steps=8):
    """With momentum and decay, which move whatever has a gradient, be it zero."""
    optimizer = torch.optim.AdamW(generator.parameters(), lr=0.05, weight_decay=0.1)
    inputs = torch.randn(16, 5, generator=torch.Generator().manual_seed(0))
    generator.train()
    for step in range(steps):
        architecture = architectures[step % len(architectures)]
        generator.call(architecture, inputs).logsumexp(1).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return generator


def test_a_group_for_each_architecture_is_independent_training():
    every = list(space().enumerate())
    groups = train(generators.reduced_sharing(space(), num_groups=None), every)
    for architecture in every:
        alone = train(generators.shared(space()), [architecture], steps=2)
        assert_close(groups(architecture), alone(architecture), rtol=0, atol=0)


@pytest.mark.parametrize("share", ["*", ["layers.*", "norms.*", "head.*"]])
def test_with_all_of_it_shared_it_is_plain_weight_sharing(share):
    names = {name.split(".")[0] for name in generators.shared(space()).assignment}
    patterns = share if share == "*" else [f"{name}.*" for name in sorted(names)]
    every = list(space().enumerate())
    own = train(generators.reduced_sharing(space(), share=patterns), every)
    assert_close(own.many(every), train(generators.shared(space()), every).many(every))


def test_a_prefix_is_shared_and_the_rest_private():
    first = next(iter(generators.shared(space()).assignment)).rpartition(".")[0]
    generator = generators.reduced_sharing(space(), share=f"{first}.*", num_groups=None)
    largest, smallest = space().largest(), space().smallest()
    before = {name: w.clone() for name, w in generator(smallest).items()}
    train(generator, [largest])
    after = generator(smallest)
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert moved
    assert all(name.startswith(first) for name in moved)


def test_groups_in_sequence_are_runs_of_equal_length():
    groups = SequentialGroups(space(), num=2)
    assert [groups(a) for a in space().enumerate()] == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="has 4"):
        SequentialGroups(space(), num=5)


def test_groups_by_size_are_disjoint_ordered_and_about_equal():
    own = mlp(input_shape=(5,), num_classes=3, depths=(1, 2, 3), widths=(4, 6, 8, 12))
    groups = SizeGroups(own, num=3)
    found = {a: groups(a) for a in own.enumerate()}
    assert set(found.values()) == {0, 1, 2}
    assert min(Counter(found.values()).values()) > own.size / 5
    largest = [max(groups.parts.size(a) for a in found if found[a] == k) for k in range(3)]
    smallest = [min(groups.parts.size(a) for a in found if found[a] == k) for k in range(3)]
    assert largest[0] < smallest[1] <= largest[1] < smallest[2]


def test_groups_by_values_are_decided_late_and_come_back_from_their_words():
    groups = ValueGroups(space(), num=2)
    assert {groups(a) for a in space().enumerate()} == {0}
    groups.decide("width_1", [1, 0])
    assert [groups(a) for a in (space().smallest(), space().largest())] == [1, 0]
    other = ValueGroups(space(), num=2)
    other.restore(groups.words())
    assert other.words() == groups.words()
    with pytest.raises(ValueError, match="a group each"):
        groups.decide("width_1", [0, 2])
