import pytest
import torch
from torch.testing import assert_close

from hypernas.objectives import Cosine, assess


def embeddings(num: int, seed: int) -> torch.Tensor:
    return torch.randn(num, 6, generator=torch.Generator().manual_seed(seed))


def test_the_loss_reads_directions_and_no_lengths():
    outputs, targets = embeddings(5, 0), embeddings(5, 1)
    lengths = torch.tensor([0.1, 1.0, 3.0, 10.0, 50.0])[:, None]
    assert_close(Cosine().loss(lengths * outputs, targets), Cosine().loss(outputs, 7 * targets))


def test_the_gradient_is_that_of_half_the_squared_distance_of_unit_vectors():
    outputs, targets = embeddings(5, 0).requires_grad_(), embeddings(5, 1)
    Cosine().loss(outputs, targets).backward()
    found, outputs.grad = outputs.grad, None
    unit, wanted = (x / x.norm(dim=1, keepdim=True) for x in (outputs, targets))
    ((unit - wanted).square().sum(1) / 2).mean().backward()
    assert_close(found, outputs.grad)


def test_the_measure_is_one_for_the_same_and_minus_one_for_the_opposite_direction():
    targets = embeddings(4, 0)
    for sign in (1.0, -1.0):
        found = assess(
            lambda x, sign=sign: {"pooled": sign * x}, [(targets, targets)], Cosine(output="pooled")
        )
        assert_close(found["cosine"], sign, atol=1e-6, rtol=0)


def test_embeddings_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"one shape \(N, D\), got \(4, 6\) and \(4, 5\)"):
        Cosine().loss(embeddings(4, 0), embeddings(4, 0)[:, :5])
