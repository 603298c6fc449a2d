import sys

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

import hypernas
from hypernas.mixing import Coefficients, mix, mix_all
from hypernas.slicing import Axis, Slice, prefix

# an axis of a layout, another whose channels are chosen one by one, one that is whole
LAYOUT = Slice((Axis((2, 3), (slice(0, 2), slice(0, 2))), Axis((5,), (slice(1, 4),))))
CHOSEN = Slice((Axis((6,), ((0, 2, 5),)), Axis((5,), (slice(0, 5),))))
PLACES = {
    "prefix": prefix((6, 5), (4, 3)),
    "whole": prefix((6, 5), (6, 5)),
    "layout": LAYOUT,
    "chosen": CHOSEN,
    "kernel": Slice((*prefix((6, 5), (4, 5)).axes, Axis((3,), (slice(1, 3),)))),
    "vector": prefix((6,), (4,)),
    "number": Slice(()),
}


def leaf(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def problem(place: str, experts: str | None, gains: str):
    """A bank, coefficients, and all their tensors."""
    where = PLACES[place]
    largest = [torch.Size(axis.large).numel() for axis in where.axes]
    largest = [6, 5, 3][: len(largest)]
    num = 3 if experts else 1
    gates = {None: lambda: None, "layer": lambda: leaf(3), "neuron": lambda: leaf(6, 3)}[experts]()
    dim = len(largest)
    coefficients = Coefficients(
        experts=gates,
        gain_out=leaf(6) if dim and "out" in gains else None,
        gain_in=leaf(5) if dim > 1 and "in" in gains else None,
        offset=leaf(6) if dim == 1 else None,
    )
    return leaf(num, *largest), coefficients, where


def tensors(bank: Tensor, c: Coefficients) -> list[Tensor]:
    return [t for t in (bank, c.experts, c.gain_out, c.gain_in, c.offset) if t is not None]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("experts", [None, "layer", "neuron"])
@pytest.mark.parametrize("gains", ["", "out", "in", "out and in"])
def test_mixing_all_is_mixing_one_by_one(place, experts, gains):
    if place == "number" and experts == "neuron":
        return
    bank, coefficients, where = problem(place, experts, gains)
    one = mix(bank, coefficients, where)
    (weights,) = mix_all({"w": bank}.__getitem__, [({"w": coefficients}, {"w": where})])
    assert_close(weights["w"], one)
    gradient = torch.randn_like(one)
    inputs = tensors(bank, coefficients)
    expected = torch.autograd.grad(one, inputs, gradient)
    assert_close(torch.autograd.grad(weights["w"], inputs, gradient), expected)


def test_gradients_of_several_subnets_and_of_what_they_share_add_up():
    bank, coefficients, _ = problem("prefix", "layer", "out and in")
    slices = [PLACES["prefix"], PLACES["layout"], PLACES["whole"]]
    found = mix_all(
        {"a": bank, "b": bank}.__getitem__,
        [({"a": coefficients}, {"a": where}) for where in slices],
    )
    inputs = tensors(bank, coefficients)
    total = sum(weights["a"].square().sum() for weights in found)
    slow = sum(mix(bank, coefficients, where).square().sum() for where in slices)
    assert_close(torch.autograd.grad(total, inputs), torch.autograd.grad(slow, inputs))


def test_what_has_no_part_in_a_loss_gets_no_gradient():
    banks = {"a": leaf(1, 3), "b": leaf(1, 3)}
    where = prefix((3,), (2,))
    (weights,) = mix_all(banks.__getitem__, [({}, {"a": where, "b": where})])
    weights["a"].sum().backward()
    assert banks["a"].grad is not None
    assert banks["b"].grad is None


@pytest.mark.parametrize("experts", ["layer", "neuron"])
def test_gradients_of_gradients_are_those_of_mixing_one_by_one(experts):
    bank, coefficients, where = problem("prefix", experts, "out and in")
    inputs = tensors(bank, coefficients)
    (weights,) = mix_all({"w": bank}.__getitem__, [({"w": coefficients}, {"w": where})])
    results = []
    for weight in (weights["w"], mix(bank, coefficients, where)):
        first = torch.autograd.grad(weight.square().sum(), inputs, create_graph=True)
        results.append(torch.autograd.grad(sum(g.square().sum() for g in first), inputs))
    assert_close(*results)


@pytest.mark.parametrize("place", [name for name in PLACES if name != "number"])
@pytest.mark.parametrize("large", [0, 2**17])
@pytest.mark.parametrize("times", [None, torch.tensor([2.0, -1.0, 0.0])])
def test_filling_is_adding_to_zeros_whatever_was_there_before(place, times, large, monkeypatch):
    monkeypatch.setattr(hypernas.slicing.slice, "_LARGE", large)
    where = PLACES[place]
    largest = [6, 5, 3][: len(where.axes)]
    num = 1 if times is None else 3
    small = torch.randn(1, *where.shape)
    times = times if times is None else times.view(3, *[1] * len(where.axes))
    expected, found = torch.zeros(num, *largest), torch.full((num, *largest), torch.nan)
    where.add(expected, small, times)
    where.fill(found, small, times)
    assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("place", PLACES)
def test_slices_that_are_read_in_place_are_mixed_like_copied_ones(place, monkeypatch):
    bank, coefficients, where = problem(place, "layer", "out and in")
    inputs = tensors(bank, coefficients)
    found = []
    for copied in (2**16, 0):
        monkeypatch.setattr(sys.modules["hypernas.mixing.mix"], "_COPIED", copied)
        (weights,) = mix_all({"w": bank}.__getitem__, [({"w": coefficients}, {"w": where})])
        gradients = torch.autograd.grad(weights["w"].square().sum(), inputs)
        found.append((weights["w"], *gradients))
    assert_close(found[1], found[0])


def test_weights_of_a_second_call_leave_those_of_the_first_as_they_were():
    bank, coefficients, where = problem("prefix", "layer", "out and in")
    plain = leaf(1, 6, 5)
    (first,) = mix_all(
        {"a": bank, "b": plain}.__getitem__, [({"a": coefficients}, {"a": where, "b": where})]
    )
    kept = {name: weight.detach().clone() for name, weight in first.items()}
    other = Coefficients(experts=leaf(3), gain_out=leaf(6), gain_in=leaf(5))
    (second,) = mix_all({"a": leaf(3, 6, 5)}.__getitem__, [({"a": other}, {"a": where})])
    assert second["a"].untyped_storage().data_ptr() != first["a"].untyped_storage().data_ptr()
    second["a"].square().sum().backward()
    assert_close({name: weight.detach() for name, weight in first.items()}, kept, rtol=0, atol=0)


@pytest.mark.parametrize("experts", [None, "layer", "neuron"])
@pytest.mark.parametrize("gains", ["", "out and in"])
def test_gradients_of_two_backward_passes_into_one_bank_add_up(experts, gains):
    """What a first pass left as gradient is not written to by a second as if it were its own."""
    bank, coefficients, where = problem("prefix", experts, gains)
    inputs = tensors(bank, coefficients)

    def backward(factor):
        (weights,) = mix_all({"w": bank}.__getitem__, [({"w": coefficients}, {"w": where})])
        (factor * weights["w"].square()).sum().backward()

    backward(1.0)
    once = [tensor.grad.clone() for tensor in inputs]
    held = [tensor.grad for tensor in inputs]
    before = [gradient.clone() for gradient in held]
    backward(2.0)
    assert_close([tensor.grad for tensor in inputs], [3 * gradient for gradient in once])
    for tensor in inputs:
        tensor.grad = None
    backward(1.0)  # into new tensors, whoever still holds the old ones
    assert_close([tensor.grad for tensor in inputs], before)


@pytest.mark.parametrize("experts", [None, "layer", "neuron"])
@pytest.mark.parametrize("gains", ["", "out", "in", "out and in"])
def test_two_subnets_that_read_one_bank_give_it_the_sum_of_their_gradients(experts, gains):
    """Of different places in it, so that neither writes where the other did not."""
    bank, coefficients, _ = problem("prefix", experts, gains)
    places = [PLACES["prefix"], PLACES["chosen"]]
    inputs = tensors(bank, coefficients)
    both = mix_all(
        {"w": bank}.__getitem__, [({"w": coefficients}, {"w": where}) for where in places]
    )
    gradients = [torch.randn_like(weights["w"]) for weights in both]
    found = torch.autograd.grad([weights["w"] for weights in both], inputs, gradients)
    expected = [torch.zeros_like(tensor) for tensor in inputs]
    for where, gradient in zip(places, gradients, strict=True):
        alone = torch.autograd.grad(mix(bank, coefficients, where), inputs, gradient)
        expected = [total + one for total, one in zip(expected, alone, strict=True)]
    assert_close(list(found), expected)


def test_a_gradient_that_is_kept_survives_the_next_step():
    bank, coefficients, where = problem("prefix", "layer", "out and in")
    inputs = tensors(bank, coefficients)
    kept = []
    for _ in range(2):
        (weights,) = mix_all({"w": bank}.__getitem__, [({"w": coefficients}, {"w": where})])
        kept.append(torch.autograd.grad(weights["w"].sum(), inputs))
    assert_close(list(kept[0]), list(kept[1]), rtol=0, atol=0)
    pointers = [{g.untyped_storage().data_ptr() for g in some} for some in kept]
    assert not pointers[0] & pointers[1]
