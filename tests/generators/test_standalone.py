"""Stand-alone weights: what one architecture does never reaches another."""

import copy

import pytest
import torch
from example_spaces import EXAMPLES, Example
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace
from hypernas.generators import Standalone
from hypernas.subnet.norms import norm_statistics


@pytest.fixture(params=EXAMPLES)
def example(request) -> Example:
    return EXAMPLES[request.param]()


def train(generator: Standalone, architecture, example: Example) -> None:
    """One step of gradient descent that moves everything an architecture has."""
    generator.train()
    outputs = generator.call(architecture, example.inputs)
    weights = generator(architecture)
    loss = outputs.square().mean() + sum((w - 2).square().sum() for w in weights.values())
    gradients = torch.autograd.grad(loss, list(weights.values()))
    with torch.no_grad():
        for weight, gradient in zip(weights.values(), gradients, strict=True):
            weight -= 0.01 * gradient
    generator.eval()


def snapshot(generator: Standalone, architecture) -> dict[str, torch.Tensor]:
    both = {**generator(architecture), **generator.statistics(architecture).tensors}
    return {name: tensor.detach().clone() for name, tensor in both.items()}


def assert_same(first, second) -> None:
    assert_close(first, second, rtol=0, atol=0)


def test_training_one_architecture_changes_it_and_no_other(example):
    generator = Standalone(example.space).eval()
    smallest, largest = example.space.smallest(), example.space.largest()
    before = snapshot(generator, smallest), snapshot(generator, largest)
    train(generator, largest, example)
    assert_same(snapshot(generator, smallest), before[0])
    assert all(not torch.equal(t, before[1][n]) for n, t in snapshot(generator, largest).items())
    after = snapshot(generator, largest)
    train(generator, smallest, example)
    assert_same(snapshot(generator, largest), after)


def test_weights_start_as_the_builder_leaves_them():
    def build(architecture):
        layer = nn.Linear(2, architecture["width"])
        nn.init.constant_(layer.weight, architecture["width"])
        nn.init.normal_(layer.bias, 5, 0.1)
        return layer

    generator = Standalone(SearchSpace({"width": [2, 5]}, build))
    for width in (2, 5):
        weights = generator({"width": width})
        assert_close(weights["weight"].detach(), torch.full((width, 2), float(width)))
        assert (weights["bias"] - 5).abs().max() < 0.5


def test_architectures_are_initialised_under_seeds_of_their_own():
    space = EXAMPLES["mlp"]().space
    generator = Standalone(space).eval()
    same_shape = [a for a in space.enumerate() if a["depth"] == 3 and a["width_0"] == 12]
    firsts = [generator(a)["layers.0.weight"] for a in same_shape]
    assert len({first.sum().item() for first in firsts}) == len(firsts) == 9


def test_the_order_of_visits_does_not_matter(example):
    forth, back = Standalone(example.space), Standalone(example.space)
    architectures = [example.space.smallest(), example.space.largest()]
    for generator, order in ((forth, architectures), (back, architectures[::-1])):
        for architecture in order:
            train(generator, architecture, example)
        assert generator.architectures == order
    for architecture in architectures:
        assert_same(snapshot(forth, architecture), snapshot(back, architecture))


@pytest.mark.parametrize("mode", ["evaluation", "no gradients", "export", "calibration"])
def test_an_architecture_that_is_not_trained_leaves_no_trace(example, mode):
    generator = Standalone(example.space)
    train(generator, example.space.largest(), example)
    before = copy.deepcopy(generator.state_dict())
    smallest = example.space.smallest()
    match mode:
        case "evaluation":
            generator.eval().call(smallest, example.inputs).sum().backward()
        case "no gradients":
            with torch.no_grad():
                generator.train().call(smallest, example.inputs)
        case "export":
            generator.train().export(smallest)
        case "calibration":
            generator.train().calibrate(smallest, [example.inputs])
    assert_same(generator.state_dict(), before)
    assert generator.architectures == [example.space.largest()]
    generator(smallest)
    generator.train()
    for tensor in generator(smallest).values():
        assert tensor.grad is None
    assert_same(snapshot(generator, smallest), snapshot(Standalone(example.space), smallest))


def test_nothing_is_stored_before_training(example):
    generator = Standalone(example.space).eval()
    generator.call(example.space.largest(), example.inputs)
    assert list(generator.parameters()) == []
    assert generator.describe().num_stored == 0


def test_the_trained_parameters_are_those_that_are_generated(example):
    generator = Standalone(example.space)
    generator.train().call(example.space.largest(), example.inputs).sum().backward()
    generated = generator(example.space.largest())
    assert {id(w) for w in generated.values()} == {id(p) for p in generator.parameters()}


def test_a_state_reloads_into_a_generator_that_trained_others(example):
    smallest, largest = example.space.smallest(), example.space.largest()
    generator, other = Standalone(example.space, seed=1), Standalone(example.space, seed=2)
    for trained in (smallest, largest):
        train(generator, trained, example)
    train(other, largest, example)
    other.load_state_dict(generator.state_dict())
    assert other.architectures == [smallest, largest]
    for architecture in (smallest, largest):
        assert_same(snapshot(other, architecture), snapshot(generator, architecture))
    assert_same(other.state_dict(), generator.state_dict())


def test_an_untrained_architecture_is_the_same_after_reloading():
    example = EXAMPLES["mlp"]()
    generator, other = (Standalone(example.space, seed=seed).eval() for seed in (1, 2))
    smallest = example.space.smallest()
    expected = snapshot(generator, smallest)
    assert not torch.equal(other(smallest)["head.weight"], expected["head.weight"])
    other.load_state_dict(generator.state_dict())
    assert_same(snapshot(other, smallest), expected)


def test_an_exported_architecture_carries_its_own_statistics():
    example = EXAMPLES["conv"]()
    generator = Standalone(example.space)
    largest = example.space.largest()
    train(generator, largest, example)
    exported = norm_statistics(generator.export(largest))
    assert_same(exported, generator.statistics(largest).tensors)
    assert exported["blocks.0.expand_norm.num_batches_tracked"] == 1
