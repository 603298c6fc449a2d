from types import SimpleNamespace

import pytest
import torch
from structured_models import Answer
from torch.nn import functional as F
from torch.testing import assert_close

from hypernas.objectives import CrossEntropy, InPlaceDistillation
from hypernas.objectives.logits import logits_of

OBJECTIVES = [CrossEntropy, InPlaceDistillation]
LOGITS, STATES = torch.randn(6, 5), torch.randn(6, 7)


@pytest.mark.parametrize(
    ("outputs", "output"),
    [
        (LOGITS, None),
        (Answer(logits=LOGITS, states=(STATES,)), None),
        ({"states": STATES, "logits": LOGITS}, None),
        (SimpleNamespace(logits=LOGITS, states=STATES), None),
        ((LOGITS,), None),
        ({"anything": [LOGITS]}, None),
        ((STATES, LOGITS), 1),
        ({"states": STATES, "classes": LOGITS}, "classes"),
        (SimpleNamespace(classes=LOGITS), "classes"),
    ],
)
def test_logits_are_found_by_one_rule(outputs, output):
    assert logits_of(outputs, output) is LOGITS


@pytest.mark.parametrize(
    ("outputs", "output", "words"),
    [
        (
            (LOGITS, STATES),
            None,
            r"tuple with the tensors 0 \(6, 5\), 1 \(6, 7\).*objective.output=0",
        ),
        ({"a": LOGITS, "b": STATES}, None, r"a \(6, 5\), b \(6, 7\).*objective.output=a"),
        ({"a": LOGITS}, "b", r"not one called 'b'"),
        ("words", None, r"str with the tensors none"),
    ],
)
def test_logits_that_cannot_be_told_are_refused_with_what_there_is(outputs, output, words):
    with pytest.raises(ValueError, match=words):
        logits_of(outputs, output)


@pytest.mark.parametrize("make", OBJECTIVES)
def test_losses_and_measures_of_structured_outputs_are_those_of_their_logits(make):
    targets = torch.arange(6) % 5
    outputs, teacher = ({"rest": STATES, "classes": x} for x in (LOGITS, torch.randn(6, 5)))
    plain, named = make(), make(output="classes")
    assert_close(
        named.loss(outputs, targets, teacher),
        plain.loss(outputs["classes"], targets, teacher["classes"]),
        rtol=0,
        atol=0,
    )
    assert_close(named.measures(outputs, targets), plain.measures(LOGITS, targets))


# --- the axis of classes -----------------------------------------------------------------------


@pytest.mark.parametrize("make", OBJECTIVES)
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 4, 4, 4), (2, 4, 4), (2, 3, 6)])
def test_logits_with_channels_first_are_refused_unless_their_axis_is_given(make, shape):
    logits = torch.randn(shape)
    targets = torch.randint(0, shape[1], (shape[0], *shape[2:]))
    for call in (make().loss, make().measures):
        with pytest.raises(ValueError, match="class_axis=1"):
            call(logits, targets)
    objective = make(class_axis=1, label_smoothing=0.0)
    assert_close(objective.loss(logits, targets), F.cross_entropy(logits, targets))
    right = objective.measures(logits, targets)["accuracy"].view(targets.shape)
    assert_close(right, (logits.argmax(1) == targets).float())


def test_a_given_last_axis_settles_what_fits_both():
    logits, targets = torch.randn(2, 4, 4), torch.randint(0, 4, (2, 4))
    found = CrossEntropy(class_axis=-1, label_smoothing=0.0).loss(logits, targets)
    assert_close(found, F.cross_entropy(logits.transpose(1, 2), targets))
    with pytest.raises(ValueError, match=r"may have their classes on axis 1 or on the last"):
        CrossEntropy().loss(logits, targets)


@pytest.mark.parametrize("targets", [torch.zeros(6, 2, dtype=torch.long), torch.zeros(30).long()])
def test_targets_that_do_not_belong_to_the_logits_are_refused_with_both_shapes(targets):
    with pytest.raises(ValueError, match=r"logits are \(6, 5\).*so \(6,\) was expected"):
        CrossEntropy().loss(LOGITS, targets)


@pytest.mark.parametrize("label", [3, 7, -1])
def test_targets_that_are_no_class_are_told_with_how_many_there_are(label):
    targets = torch.tensor([0, label, -100])
    with pytest.raises(ValueError, match=r"classes from 0 to 2.*they go from -100 to"):
        CrossEntropy().loss(torch.zeros(3, 3), targets)
    with pytest.raises(ValueError, match="classes from 0 to 2"):
        CrossEntropy().measures(torch.zeros(3, 3), targets)
