"""Generators under the transformations of torch.func."""

import pytest
import torch
from torch.testing import assert_close

from hypernas import generators
from hypernas.spaces import mlp


@pytest.fixture
def space():
    return mlp(input_shape=(6,), num_classes=3, depths=(1, 2), widths=(4, 8), norm="none")


METHODS = pytest.mark.parametrize("name", ["shared", "hypernas", "acdc"])


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@METHODS
def test_examples_one_by_one_under_vmap_give_what_the_batch_gives(space, name):
    generator, x = getattr(generators, name)(space).eval(), drawn(5, 6)
    one_by_one = torch.vmap(lambda row: generator.call("smallest", row[None])[0])(x)
    assert_close(one_by_one, generator.call("smallest", x))


@METHODS
def test_jacobians_of_generated_weights_are_what_backward_passes_give(space, name):
    """The subnet is met first within the transformation, where it may draw no number."""
    generator = getattr(generators, name)(space).eval()
    given = {n: p.detach() for n, p in generator.named_parameters()}
    found = torch.func.jacrev(lambda p: weights_of(generator, p))(given)
    side = drawn(*found[next(iter(given))].shape[:2])
    (generator("smallest")["layers.0.0.weight"] * side).sum().backward()
    for n, p in generator.named_parameters():
        expected = torch.zeros_like(p) if p.grad is None else p.grad
        assert_close(torch.einsum("oi,oi...->...", side, found[n]), expected)


@METHODS
@pytest.mark.filterwarnings(
    "ignore:.*torch.jit.script.*:DeprecationWarning"
)  # of torch.func itself
def test_hessians_through_generated_weights_are_symmetric(space, name):
    generator, x = getattr(generators, name)(space).eval(), drawn(5, 6)
    given = {n: p.detach() for n, p in generator.named_parameters()}
    fewest = min(given, key=lambda n: given[n].numel())

    def loss(own):
        weights = torch.func.functional_call(generator, {**given, fewest: own}, ("largest",))
        return generator.call("largest", x, weights=weights).square().mean()

    num = given[fewest].numel()
    matrix = torch.func.hessian(loss)(given[fewest]).reshape(num, num)
    assert_close(matrix, matrix.T)


def weights_of(generator, parameters):
    weights = torch.func.functional_call(generator, parameters, ("smallest",))
    return weights["layers.0.0.weight"]
