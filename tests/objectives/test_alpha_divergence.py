"""Distillation by the larger of two alpha-divergences."""

import pytest
import torch
from torch.testing import assert_close

from hypernas.objectives import AlphaDivergence, CrossEntropy
from hypernas.objectives.alpha_divergence import adaptive_divergence


def logits(seed, scale=1.0):
    rng = torch.Generator().manual_seed(seed)
    return scale * torch.randn(6, 5, generator=rng)


def by_definition(student, teacher, alpha):
    q, p = student.double().softmax(-1), teacher.double().softmax(-1)
    if alpha == 1:
        return (p * (p / q).log()).sum(-1)
    return (q * ((p / q) ** alpha - 1)).sum(-1) / (alpha * (alpha - 1))


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (-2.0, 0.5), (0.3, 2.0)])
def test_it_is_the_larger_divergence_of_each_prediction_and_its_gradient_is_that(low, high):
    student, teacher = logits(0).requires_grad_(), logits(1)
    found = adaptive_divergence(student, teacher, low=low, high=high)
    expected = torch.stack([by_definition(student, teacher, a) for a in (low, high)]).amax(0)
    assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)
    assert (
        len({int(i) for i in (found.double() - by_definition(student, teacher, low)).abs() < 1e-5})
        == 2
    )
    (got,) = torch.autograd.grad(found.sum(), student, retain_graph=True)
    (right,) = torch.autograd.grad(expected.sum(), student)
    assert_close(got, right, rtol=1e-4, atol=1e-6)


def test_nothing_is_lost_and_nothing_pulls_where_both_agree():
    student = logits(2).requires_grad_()
    found = adaptive_divergence(student, student.detach().clone() + 3)
    assert_close(found, torch.zeros(6), rtol=0, atol=1e-6)
    (gradient,) = torch.autograd.grad(found.sum(), student)
    assert_close(gradient, torch.zeros(6, 5), rtol=0, atol=1e-6)


def test_at_one_the_gradient_is_that_of_distillation():
    student, teacher = logits(3).requires_grad_(), logits(4)
    found = adaptive_divergence(student, teacher, low=0.999, high=1.0)
    (got,) = torch.autograd.grad(found.sum(), student)
    worse = by_definition(student, teacher, 1) >= by_definition(student, teacher, 0.999)
    expected = student.softmax(-1) - teacher.softmax(-1)
    assert worse.any()
    assert_close(got[worse], expected[worse], rtol=1e-4, atol=1e-6)


def test_clipping_bounds_what_a_prediction_pulls():
    student, teacher = logits(5, scale=20.0).requires_grad_(), logits(6, scale=20.0)
    free = adaptive_divergence(student, teacher)
    bound = adaptive_divergence(student, teacher, clip=5.0)
    pulls = [torch.autograd.grad(x.sum(), student)[0].abs().max() for x in (free, bound)]
    assert pulls[0] > 10 * pulls[1]
    assert pulls[1] <= 6


def test_the_teacher_gets_no_gradient_and_ignored_targets_count_nowhere():
    objective = AlphaDivergence()
    student, teacher = logits(7).requires_grad_(), logits(8).requires_grad_()
    targets = torch.tensor([0, 1, 2, 3, -100, -100])
    loss = objective.loss(student, targets, teacher)
    loss.backward()
    assert teacher.grad is None
    assert_close(student.grad[4:], torch.zeros(2, 5))
    assert_close(loss, objective.loss(student[:4], targets[:4], teacher[:4]))
    assert objective.loss(student, torch.full((6,), -100), teacher) == 0


def test_without_a_teacher_it_is_cross_entropy():
    targets = torch.arange(5)
    plain = CrossEntropy(label_smoothing=0.2).loss(logits(9)[:5], targets)
    assert AlphaDivergence(label_smoothing=0.2).loss(logits(9)[:5], targets) == plain


@pytest.mark.parametrize(
    "wrong", [{"low": 1.0}, {"low": 0.0}, {"high": 0.0}, {"clip": 0.0}, {"low": 2.0}]
)
def test_settings_that_are_no_divergence_are_refused(wrong):
    with pytest.raises(ValueError, match="low must be below high"):
        AlphaDivergence(**wrong)
