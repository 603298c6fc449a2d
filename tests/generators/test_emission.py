"""The network of coefficients in one node computes what autograd does."""

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas.generators.coefficients.emission import Shape, emit

HIDDEN = [(), (5,), (6, 5)]
PLACES = torch.tensor([1, 2, 4, 5, 6])


def problem(hidden: tuple[int, ...]):
    """A trunk, encodings of two architectures and of three more, a bias, and a last layer."""
    trunk = nn.Sequential()
    for before, after in itertools.pairwise([4, *hidden]):
        trunk.extend([nn.Linear(before, after, dtype=torch.float64), nn.LeakyReLU(0.01)])
    sizes = [(2, 4), (3, 4), (5,), (5, (4, *hidden)[-1])]
    return trunk, *[torch.randn(size, dtype=torch.float64).requires_grad_() for size in sizes]


def written_out(shape, trunk, encoded, space, bias, weight) -> Tensor:
    hidden = trunk(encoded)
    if space is not None:
        hidden = hidden - trunk(space).mean(0)
    emitted = shape.scale * hidden @ weight.T + bias
    if shape.places is None:
        return emitted
    columns = dict(zip(shape.places.tolist(), emitted.unbind(1), strict=True))
    ones = torch.ones_like(emitted[:, 0])
    return torch.stack([columns.get(i, ones) for i in range(shape.num)], 1)


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("places", [None, PLACES])
def test_numbers_and_their_first_and_second_derivatives_are_those_of_autograd(
    hidden, centred, places
):
    torch.manual_seed(0)
    trunk, encoded, space, bias, weight = problem(hidden)
    shape = Shape(0.3, places, 5 if places is None else 7)
    space = space.detach() if centred else None  # never learned
    wanted = [encoded, bias, weight, *trunk.parameters()]
    found = []
    for function in (emit, written_out):
        emitted = function(shape, trunk, encoded, space, bias, weight)
        first = torch.autograd.grad(emitted.sin().sum(), wanted, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), wanted)
        again = function(shape, trunk, encoded, space, bias, weight).sin().sum()
        found.append((emitted, first, second, torch.autograd.grad(again, wanted)))
    assert_close(*found)


def test_what_is_frozen_gets_no_gradient():
    trunk, encoded, space, bias, weight = problem((6, 5))
    encoded, space = encoded.detach(), space.detach()
    bias.requires_grad_(False)
    trunk[0].requires_grad_(False)
    emit(Shape(1.0, None, 5), trunk, encoded, space, bias, weight).sum().backward()
    assert bias.grad is None
    assert trunk[0].weight.grad is None
    assert weight.grad.abs().max() > 0
    assert trunk[2].weight.grad.abs().max() > 0


def test_hooks_see_what_passes_through_the_trunk():
    trunk, encoded, space, bias, weight = problem((6,))
    shape, seen = Shape(0.5, PLACES, 7), []
    unseen = emit(shape, trunk, encoded, space, bias, weight)
    trunk[0].register_forward_hook(lambda part, given, out: seen.append(given[0]))
    assert_close(emit(shape, trunk, encoded, space, bias, weight), unseen)
    assert_close(seen, [torch.cat([encoded, space])])
