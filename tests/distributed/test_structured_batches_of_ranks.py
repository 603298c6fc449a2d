"""Ranks divide batches of keyword inputs, and weigh their parts by the targets that count."""

import pytest
from structured_models import batch, space
from torch import nn
from torch.testing import assert_close

from hypernas import generators
from hypernas.distributed import ProcessGroup, Replicated
from hypernas.objectives import CrossEntropy, InPlaceDistillation, OwnLoss, TeacherLogits
from hypernas.training.gradients import add_gradients
from hypernas.training.part import Part


class Teacher(nn.Module):
    def forward(self, input_ids):
        return nn.functional.one_hot(input_ids % 4, 4).double()


OBJECTIVES = {
    "own loss": OwnLoss(),
    "cross entropy": CrossEntropy(),
    "in place": InPlaceDistillation(),
    "teacher": TeacherLogits(teacher=Teacher()),
}


def gradient(ranks, name, labels):
    inputs = batch(7)
    inputs["attention_mask"] = inputs["attention_mask"].double()
    inputs["labels"][:3, 1:] = -100  # most of the first rank's rows
    inputs["labels"][:3, 0] = 1
    generator = generators.shared(space()).double()
    subnets = [generator.subnet(getattr(generator.space, label)()) for label in labels]
    part = Part(subnets, (inputs, inputs["labels"]))
    options = {"combine": "mean", "precision": "float32"}
    losses = add_gradients(Replicated(generator, ranks), [part], OBJECTIVES[name], **options)
    return losses, [parameter.grad for parameter in generator.parameters()]


@pytest.mark.parametrize("labels", [["smallest"], ["largest", "smallest"]], ids=["rows", "subnets"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_gradient_of_two_ranks_is_that_of_one_process(pair, name, labels):
    expected = gradient(ProcessGroup(), name, labels)
    for found in pair(gradient, name, labels):
        assert_close(found, expected)
