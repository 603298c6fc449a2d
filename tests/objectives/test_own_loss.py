import pytest
import torch
from structured_models import Answer, Tagger, batch
from torch.testing import assert_close

from hypernas.objectives import CrossEntropy, OwnLoss, assess


@pytest.mark.parametrize("shape", ["object", "mapping", "tuple"])
def test_the_loss_is_the_one_the_module_computed(shape):
    inputs = batch()
    outputs = Tagger(8, shape)(**inputs)
    expected = outputs[0] if shape == "tuple" else outputs["loss"]
    assert_close(OwnLoss().loss(outputs, inputs["labels"]), expected, rtol=0, atol=0)


def test_outputs_that_are_a_single_number_are_the_loss():
    assert OwnLoss().loss(torch.tensor([2.5]), None) == 2.5


@pytest.mark.parametrize(
    "outputs", [torch.randn(3, 2), Answer(logits=torch.randn(3, 2)), (torch.randn(3, 2),), None]
)
def test_outputs_without_a_loss_are_refused_with_what_to_give(outputs):
    with pytest.raises(ValueError, match=r"own_loss reads the loss.*`labels`"):
        OwnLoss().loss(outputs, None)


@pytest.mark.parametrize("shift", [False, True])
def test_accuracy_is_of_the_places_that_the_loss_is_of(shift):
    """Also where the module shifts labels itself, as language models do."""
    inputs = batch(12, shift=shift)
    outputs = Tagger(8, shift=shift)(**inputs)
    logits, labels = outputs.logits, inputs["labels"]
    if shift:
        logits, labels = logits[:, :-1], labels[:, 1:]
    expected = CrossEntropy().measures(logits, labels)
    found = OwnLoss().measures(outputs, inputs["labels"])
    assert_close(found["accuracy"], expected["accuracy"])
    assert_close(found["loss"].mean(), expected["cross_entropy"].mean())
    assert len(found["loss"]) == (labels != -100).sum()


def test_a_loss_that_is_not_the_cross_entropy_of_the_logits_has_no_accuracy():
    inputs = batch()
    outputs = Tagger(8)(**inputs)
    outputs["loss"] = outputs.loss + 0.1
    assert set(OwnLoss().measures(outputs, inputs["labels"])) == {"loss"}


@pytest.mark.parametrize("shift", [False, True])
def test_means_over_batches_are_weighted_by_what_counts(shift):
    module, whole = Tagger(8, shift=shift), batch(12, shift=shift)
    expected = assess(module, [(whole, whole["labels"])], OwnLoss())
    parts = [{key: value[i : i + 5] for key, value in whole.items()} for i in (0, 5, 10)]
    assert_close(assess(module, [(p, p["labels"]) for p in parts], OwnLoss()), expected)


def test_without_targets_means_are_weighted_by_rows():
    batches = [
        ((torch.tensor(1.0), torch.zeros(2)), None),
        ((torch.tensor(4.0), torch.ones(1)), None),
    ]
    assert assess(lambda *outputs: outputs, batches, OwnLoss()) == {"loss": 2.0}


def test_first_labels_do_not_count_where_the_module_shifts_labels():
    """By it the losses of parts of a batch, on ranks or in steps, are weighted."""
    module, whole = Tagger(8, shift=True), batch(12, shift=True)
    parts = [{key: value[i : i + 4] for key, value in whole.items()} for i in (0, 4, 8)]
    parts[1]["labels"][:, 2:] = -100
    whole["labels"][4:8, 2:] = -100
    objective = OwnLoss(shifted=True)
    counts = [objective.num_counted(part["labels"]) for part in parts]
    losses = [module(**part)["loss"] for part in parts]
    assert sum(counts) == objective.num_counted(whole["labels"])
    mean = sum(n * loss for n, loss in zip(counts, losses, strict=True)) / sum(counts)
    assert_close(mean, module(**whole)["loss"])
