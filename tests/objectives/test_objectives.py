import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from hypernas.objectives import CrossEntropy, InPlaceDistillation, assess


def logits(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_cross_entropy_treats_every_position_of_a_sequence_as_a_prediction():
    outputs, targets = logits(4, 7, 5), torch.arange(28).view(4, 7) % 5
    objective = CrossEntropy(label_smoothing=0.0)
    expected = F.cross_entropy(outputs.transpose(1, 2), targets)
    assert_close(objective.loss(outputs, targets), expected)
    assert_close(objective.measures(outputs, targets)["cross_entropy"].mean(), expected)


def test_measures_ignore_label_smoothing():
    outputs, targets = logits(6, 5), torch.arange(6) % 5
    smooth, plain = (CrossEntropy(label_smoothing=s).measures(outputs, targets) for s in (0.3, 0.0))
    assert_close(smooth, plain)


def test_the_gradient_of_distillation_is_the_difference_of_the_predictions():
    student, teacher = logits(6, 5).requires_grad_(), logits(6, 5, seed=1)
    InPlaceDistillation().loss(student, torch.zeros(6, dtype=torch.long), teacher).backward()
    assert_close(student.grad, (student.softmax(-1) - teacher.softmax(-1)).detach() / 6)


def test_distillation_without_a_teacher_is_cross_entropy():
    outputs, targets = logits(6, 5), torch.arange(6) % 5
    assert_close(
        InPlaceDistillation(label_smoothing=0.1).loss(outputs, targets),
        CrossEntropy(label_smoothing=0.1).loss(outputs, targets),
    )


def test_the_share_of_the_teacher_mixes_the_two_losses():
    student, teacher, targets = logits(6, 5), logits(6, 5, seed=1), torch.arange(6) % 5
    half, whole, none = (
        InPlaceDistillation(weight=w, temperature=2.0).loss(student, targets, teacher)
        for w in (0.5, 1.0, 0.0)
    )
    assert_close(half, (whole + none) / 2)
    assert_close(none, CrossEntropy().loss(student, targets))


def test_assessment_does_not_depend_on_how_examples_are_batched():
    inputs, targets = logits(10, 5), torch.arange(10) % 5
    results = [
        assess(lambda x: x, zip(inputs.split(n), targets.split(n), strict=True), CrossEntropy())
        for n in (10, 3)
    ]
    assert_close(results[0], results[1])
    assert_close(results[0]["accuracy"], (inputs.argmax(-1) == targets).double().mean().item())


def test_assessing_nothing_is_refused():
    with pytest.raises(ValueError, match="no batches"):
        assess(lambda x: x, [], CrossEntropy())


@pytest.mark.parametrize(
    "make",
    [
        lambda: CrossEntropy(label_smoothing=1.0),
        lambda: InPlaceDistillation(temperature=0.0),
        lambda: InPlaceDistillation(weight=2.0),
    ],
)
def test_impossible_objectives_are_refused(make):
    with pytest.raises(ValueError, match="got"):
        make()
