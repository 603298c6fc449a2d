"""Free coefficients and how they start."""

import pytest
import torch
from torch.testing import assert_close

from hypernas import generators
from hypernas.generators.coefficients.learned import Free, evenly_spread, orthogonal
from hypernas.spaces import mlp


@pytest.mark.parametrize(("num", "dim"), [(7, 6), (7, 5), (12, 2), (4, 4), (3, 3), (9, 8), (5, 1)])
def test_coefficients_of_many_sharers_have_orthogonal_columns_and_rows_of_length_one(num, dim, rng):
    rows = evenly_spread(num, dim, rng)
    assert_close(rows.norm(dim=1), torch.ones(num))
    assert_close(rows.T @ rows, torch.eye(dim) * num / dim, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("num", "dim"), [(2, 6), (4, 4), (1, 3), (1, 1)])
def test_coefficients_of_few_sharers_are_orthonormal(num, dim, rng):
    rows = evenly_spread(num, dim, rng)
    assert_close(rows @ rows.T, torch.eye(num), rtol=0, atol=1e-5)


@pytest.mark.parametrize("num", [2, 7])
def test_coefficients_are_of_the_default_type(num, rng):
    """Templates are too, and torch multiplies no two types."""
    torch.set_default_dtype(torch.float64)
    try:
        assert evenly_spread(num, 6, rng).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_every_parameter_gets_a_row_of_the_length_it_wants():
    filled = orthogonal(
        [["a", "b", "c"], ["d"]],
        num_entries={"a": 2, "b": 2, "c": 2, "d": 3},
        scales={"a": 1.0, "b": 2.0, "c": 0.5, "d": 4.0},
        seed=0,
    )
    lengths = {name: float(vector.norm()) for name, vector in filled.items()}
    assert lengths == pytest.approx({"a": 1, "b": 2, "c": 0.5, "d": 4})
    assert filled["d"].shape == (3,)


def test_free_coefficients_do_not_read_the_architecture():
    source = Free({"a.weight": torch.tensor([1.0, 2.0])})
    one, two = source(torch.rand(2, 5))
    assert_close(one["a.weight"].experts, two["a.weight"].experts)
    assert [p.shape for p in source.parameters()] == [(2,)]


def test_fixed_coefficients_are_kept_but_not_trained():
    source = Free({"a.weight": torch.tensor([1.0, 2.0])}, learned=False)
    assert not list(source.parameters())
    assert list(source.state_dict()) == ["vectors.a/weight"]


def test_coefficients_do_not_decay_and_have_a_learning_rate_of_their_own():
    space = mlp(input_shape=(8,), num_classes=2, depths=(3,), widths=(8,))
    generator = generators.soft_sharing(space, coefficient_lr_scale=0.1)
    groups = {group.name: group for group in generator.parameter_groups()}
    assert groups["templates"].decay
    assert not groups["coefficients"].decay
    assert groups["coefficients"].lr_scale == 0.1
    assert all(p.dim() == 1 for p in groups["coefficients"].parameters)
