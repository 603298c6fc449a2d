"""Banks of half numbers (bfloat16): kernels compute with single ones, and round what they write."""

import pytest
import torch
from implementations import needs_compiler
from test_kernels import PLACES, problem
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas.mixing import Coefficients, Ledger, mix_all, noting
from hypernas.slicing import prefix

CASES = [("prefix", 3, "out and in"), ("heads", 4, "out"), ("whole kernel", "neuron", "in")]
CASES += [("layout", 9, ""), ("vector", 3, "out"), ("chosen vector", None, "out")]


def converted(bank: Tensor, coefficients: Coefficients, kind: torch.dtype):
    """Leaves of another type."""
    given = [
        None if t is None else t.detach().to(kind).requires_grad_()
        for t in vars(coefficients).values()
    ]
    return nn.Parameter(bank.detach().to(kind)), Coefficients(*given)


def mixed(bank: Tensor, coefficients: Coefficients, place: str, gradient: Tensor, *, noted: bool):
    """A weight, and the gradients of its coefficients and its bank."""
    ledger = Ledger()
    if noted:
        ledger.take([bank])
    with noting(ledger):
        (made,) = mix_all({"w": bank}.__getitem__, [({"w": coefficients}, {"w": PLACES[place]})])
        made["w"].backward(gradient.to(bank.dtype))
    for _, terms in ledger.terms():
        bank.grad = torch.zeros_like(bank)
        for term in terms:
            term.add_to(bank.grad)
    given = [t.grad for t in vars(coefficients).values() if t is not None]
    return made["w"].detach(), given, bank.grad


@pytest.mark.parametrize(("place", "experts", "gains"), CASES)
def test_half_weights_and_gradients_are_single_ones_rounded(place, experts, gains, implementation):
    bank, coefficients, where = problem(place, experts, gains, implementation)
    half = converted(bank, coefficients, torch.bfloat16)
    single = converted(*half, torch.float32)
    gradient = torch.randn(where.shape).bfloat16().to(implementation)
    found = mixed(*half, place, gradient, noted=True)
    expected = mixed(*single, place, gradient, noted=False)
    assert found[0].dtype == torch.bfloat16
    assert_close(found, expected, rtol=2**-7, atol=1e-3, check_dtype=False)


@needs_compiler
def test_half_numbers_are_rounded_to_the_nearest_as_torch_does():
    ties = torch.tensor([1.0, 1 + 2**-7, 3.0, torch.inf, -torch.inf, torch.nan, 0.0, 3e38])
    bank = nn.Parameter(ties.bfloat16().view(1, 8, 1).expand(1, 8, 4).contiguous())
    gates = torch.tensor([1.0]).bfloat16()
    gain = torch.tensor([1 + 2**-7, 1 - 2**-8, 1.25, 1.0]).bfloat16()
    where = prefix((8, 4), (8, 4))
    with noting(Ledger()):
        (made,) = mix_all(
            {"w": bank}.__getitem__, [({"w": Coefficients(gates, None, gain)}, {"w": where})]
        )
    expected = (bank[0].float() * gain.float()).bfloat16()
    assert_close(made["w"], expected, rtol=0, atol=0, equal_nan=True)
