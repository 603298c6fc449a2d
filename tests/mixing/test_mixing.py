import itertools

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from hypernas.mixing import PLAIN, Coefficients, mix
from hypernas.slicing import Axis, Slice, prefix

LARGE = {1: (6,), 2: (6, 5), 3: (6, 5, 3), 4: (6, 5, 3, 3)}
SMALL = {1: (4,), 2: (4, 3), 3: (4, 3, 1), 4: (4, 3, 1, 3)}


def slow(bank: Tensor, coefficients: Coefficients, small: tuple[int, ...]) -> Tensor:
    """The definition, one number at a time, for prefix slices."""
    result = bank.new_zeros(small)
    for index in itertools.product(*(range(size) for size in small)):
        o, i = index[0], index[1] if len(index) > 1 else None
        for k in range(len(bank)):
            gate = 1.0
            if coefficients.experts is not None:
                row = coefficients.experts
                gate = row[o, k] if row.dim() == 2 else row[k]
            result[index] += gate * bank[(k, *index)]
        if coefficients.gain_out is not None:
            result[index] *= coefficients.gain_out[o]
        if coefficients.gain_in is not None:
            result[index] *= coefficients.gain_in[i]
        if coefficients.offset is not None:
            result[index] += coefficients.offset[o]
    return result


@pytest.mark.parametrize("dim", LARGE)
@pytest.mark.parametrize("experts", [None, "layer", "neuron"])
@pytest.mark.parametrize("gains", [False, True])
def test_mixing_is_the_definition_written_slowly(dim, experts, gains):
    num = 1 if experts is None else 3
    bank = torch.randn(num, *LARGE[dim], dtype=torch.float64)
    gates = {None: None, "layer": torch.randn(3).double(), "neuron": torch.randn(6, 3).double()}
    coefficients = Coefficients(
        experts=gates[experts],
        gain_out=torch.randn(6).double() if gains else None,
        gain_in=torch.randn(5).double() if gains and dim > 1 else None,
        offset=torch.randn(6).double() if gains and dim == 1 else None,
    )
    where = prefix(LARGE[dim], SMALL[dim])
    assert_close(mix(bank, coefficients, where), slow(bank, coefficients, SMALL[dim]))


def test_one_entry_without_coefficients_is_a_view_of_the_bank():
    bank = torch.zeros(1, 4, 4)
    mix(bank, PLAIN, prefix((4, 4), (2, 2))).fill_(1)
    assert bank.sum() == 4


def test_a_parameter_without_axes_is_mixed():
    bank, gates = torch.randn(3), torch.randn(3)
    assert_close(mix(bank, Coefficients(experts=gates), Slice(())), bank @ gates)
    assert_close(mix(bank[:1], PLAIN, Slice(())), bank[0])


def test_one_gate_of_one_changes_no_bit():
    bank = torch.randn(1, 6, 5)
    where = prefix((6, 5), (4, 3))
    for experts in (torch.ones(1), torch.ones(6, 1)):
        assert_close(mix(bank, Coefficients(experts), where), bank[0, :4, :3], rtol=0, atol=0)


def test_equal_rows_of_gates_are_one_gate():
    bank, gates = torch.randn(3, 6, 5), torch.randn(3)
    where = prefix((6, 5), (4, 3))
    by_neuron = mix(bank, Coefficients(gates.expand(6, 3)), where)
    assert_close(by_neuron, mix(bank, Coefficients(gates), where))


def test_gates_and_gains_follow_the_slice_of_a_layout():
    where = Slice((Axis((2, 3), (slice(0, 2), slice(0, 2))), Axis((5,), (slice(1, 4),))))
    rows, columns = [0, 1, 3, 4], [1, 2, 3]
    bank = torch.randn(3, 6, 5)
    coefficients = Coefficients(torch.randn(6, 3), torch.randn(6), torch.randn(5))
    whole = mix(bank, coefficients, prefix((6, 5), (6, 5)))
    assert_close(mix(bank, coefficients, where), whole[rows][:, columns])


def test_gradients_outside_the_slice_are_exactly_zero():
    bank = torch.randn(3, 6, 5, requires_grad=True)
    gates = torch.randn(6, 3, requires_grad=True)
    gain = torch.randn(6, requires_grad=True)
    mix(bank, Coefficients(gates, gain), prefix((6, 5), (4, 3))).square().sum().backward()
    inside = torch.zeros(6, 5, dtype=torch.bool)
    inside[:4, :3] = True
    assert (bank.grad[:, ~inside] == 0).all()
    assert (bank.grad[:, inside] != 0).all()
    assert (gates.grad[4:] == 0).all()
    assert (gain.grad[4:] == 0).all()


def test_gradients_agree_with_finite_differences():
    where = prefix((4, 3), (3, 2))

    def mixed(bank: Tensor, gates: Tensor, out: Tensor, into: Tensor) -> Tensor:
        return mix(bank, Coefficients(gates, out, into), where)

    shapes = [(2, 4, 3), (4, 2), (4,), (3,)]
    leaves = [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(mixed, leaves)
