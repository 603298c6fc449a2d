"""Targets of -100 count nowhere."""

import pytest
import torch
from structured_models import batch, space
from torch.testing import assert_close

from hypernas.distributed import ProcessGroup, Replicated
from hypernas.generators import shared
from hypernas.objectives import CrossEntropy, InPlaceDistillation, assess
from hypernas.training.gradients import add_gradients
from hypernas.training.part import Part

OBJECTIVES = {
    "cross entropy": CrossEntropy(),
    "smoothed": CrossEntropy(label_smoothing=0.3),
    "distillation": InPlaceDistillation(),
    "half distilled": InPlaceDistillation(weight=0.5, temperature=2.0),
}


def predictions(seed: int = 0):
    rng = torch.Generator().manual_seed(seed)
    logits, teacher = torch.randn(2, 4, 7, 5, generator=rng)
    targets = torch.randint(0, 5, (4, 7), generator=rng)
    ignored = torch.rand(4, 7, generator=rng) < 0.4
    return logits, teacher, targets.masked_fill(ignored, -100), ~ignored


@pytest.mark.parametrize("taught", [False, True])
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_losses_and_gradients_are_those_of_the_predictions_that_count(objective, taught):
    logits, teacher, targets, those = predictions()
    whole, part = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    a = objective.loss(whole, targets, teacher if taught else None)
    b = objective.loss(part[those], targets[those], teacher[those] if taught else None)
    a.backward()
    b.backward()
    assert_close(a, b)
    assert_close(whole.grad, part.grad)
    assert not whole.grad[~those].any()


@pytest.mark.parametrize("taught", [False, True])
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_a_batch_without_predictions_has_no_loss_and_no_gradient(objective, taught):
    logits = torch.randn(3, 5, requires_grad=True)
    teacher = torch.randn(3, 5) if taught else None
    loss = objective.loss(logits, torch.full((3,), -100), teacher)
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_means_do_not_depend_on_how_predictions_are_batched(objective):
    logits, _, targets, those = predictions()
    expected = assess(lambda x: x, [(logits[those], targets[those])], objective)
    for size in (1, 3, 4):
        batches = zip(logits.split(size), targets.split(size), strict=True)
        assert_close(assess(lambda x: x, batches, objective), expected)


def test_an_assessment_without_a_prediction_is_refused():
    with pytest.raises(ValueError, match="Are all targets -100"):
        assess(lambda x: x, [(torch.randn(2, 3), torch.full((2,), -100))], CrossEntropy())


def gradient(batches, objective):
    generator = shared(space()).double()
    architectures = [generator.space.largest(), generator.space.smallest()]
    parts = [Part([generator.subnet(a) for a in architectures], batch) for batch in batches]
    storage = Replicated(generator, ProcessGroup())
    losses = add_gradients(storage, parts, objective, combine="mean", precision="float32")
    return losses, [p.grad for p in generator.parameters()]


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_batches_of_a_step_are_weighted_by_what_counts_in_them(objective):
    """The gradient of a batch in parts with unequal numbers of ignored targets is that of the whole."""
    whole = batch(6)
    targets = whole.pop("labels")
    whole["attention_mask"] = whole["attention_mask"].double()
    targets[:2] = -100
    targets[0, 0] = 1
    parts = [({k: v[i : i + 2] for k, v in whole.items()}, targets[i : i + 2]) for i in (0, 2, 4)]
    losses, expected = gradient([(whole, targets)], objective)
    found, grads = gradient(parts, objective)
    assert_close(found, losses)
    assert_close(grads, expected)
