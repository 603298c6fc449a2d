"""Keyword inputs and structured outputs, wherever batches are read."""

from functools import partial

import pytest
import torch
from structured_models import ADAMW, LENGTH, TAGS, Answer, Tagger, batch, examples, space, tags
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.conditions import BatchStatistics, InputColumn
from hypernas.cost import flops
from hypernas.data import Data
from hypernas.evaluation import Recipe, References, evaluate
from hypernas.evaluation.budget import step_flops
from hypernas.generators.selection.importance import sort_channels
from hypernas.growth.preservation import deviation
from hypernas.objectives import CrossEntropy, InPlaceDistillation, Objective, OwnLoss
from hypernas.sampling import Fixed, Sandwich, Uniform
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.rows import Rows, num_rows
from hypernas.training import Strategy, Task, Training
from hypernas.training.callbacks import Validation


def fit(generator, data, objective, *, sampler=None, condition=None, steps=120, every=None):
    strategy = Strategy(sampler=sampler or Uniform(), optimizer=ADAMW)
    training = Training(steps=steps, batch_size=32)
    task = Task(data, objective, condition)
    callbacks = [Validation(every=every or steps)]
    return training.run(generator, task, strategy, callbacks=callbacks, device="cpu")


OBJECTIVES = {
    "own loss": (OwnLoss, Uniform),
    "cross entropy": (CrossEntropy, Uniform),
    "distillation": (InPlaceDistillation, partial(Sandwich, num_random=1)),
}


@pytest.mark.parametrize("shape", ["object", "mapping", "tuple"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_batches_of_keywords_and_outputs_of_any_structure_are_learned(name, shape):
    make, sampler = OBJECTIVES[name]
    objective = make(output=1 if shape == "tuple" else None)
    generator = generators.shared(space(shape))
    figures = fit(generator, tags(), objective, sampler=sampler())
    assert figures["accuracy"] > 0.9
    subnets = {"smallest": generator.space.smallest()}
    (found,) = evaluate(generator, tags(), subnets, objective=objective)
    assert found.calibrated["accuracy"] > 0.9
    assert found.flops == flops(generator.export(subnets["smallest"]), tags().example(num=1))


class Detector(nn.Module):
    """Two outputs of positional and keyword inputs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a, self.n = nn.Linear(3, width), nn.BatchNorm1d(width)
        self.c, self.d = nn.Linear(width, 2), nn.Linear(width, 4)

    def forward(self, x, *, scale):
        z = self.n(self.a(x) * scale).relu()
        return self.c(z), {"boxes": self.d(z)}


class Detection(Objective):
    """One's own distillation of several outputs."""

    distils = True

    def loss(self, outputs, targets, teacher=None):
        if teacher is None:
            return nn.functional.cross_entropy(outputs[0], targets)
        assert not any(x.requires_grad for x in (teacher[0], teacher[1]["boxes"]))
        return (outputs[1]["boxes"] - teacher[1]["boxes"]).square().mean()

    def measures(self, outputs, targets):
        return {"accuracy": (outputs[0].argmax(-1) == targets).float()}


def detections() -> Data:
    x = torch.randn(64, 3)

    def collated(rows):
        some = torch.stack(rows)
        scale = torch.full((len(some), 1), 2.0)
        return Arguments((some,), {"scale": scale}), (some.sum(1) > 0).long()

    return Data("boxes", *[list(x)] * 3, (3,), 2, collate_fn=collated)


def detectors() -> SearchSpace:
    return SearchSpace({"w": [4, 6, 8]}, lambda a: Detector(a["w"]))


@pytest.mark.parametrize("make", [generators.shared, generators.hypernas, generators.cafenet])
def test_an_objective_of_ones_own_distils_models_with_several_outputs(make):
    generator = make(detectors())
    fit(generator, detections(), Detection(), sampler=Sandwich(), steps=3)


def test_norms_are_calibrated_on_positional_and_keyword_inputs():
    generator = generators.shared(detectors()).eval()
    architecture = generator.space.smallest()
    inputs = detections().calibration(2, batch_size=16)
    found = generator.calibrate(architecture, inputs)
    plain = generator.export(architecture).train()
    plain.n.momentum = None
    plain.n.reset_running_stats()
    for x in inputs:
        plain(*x.positional, **x.keywords)
    assert_close(found["n.running_mean"], plain.n.running_mean)


def test_conditions_are_read_of_keyword_inputs():
    class Conditioned(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.a, self.b = nn.Linear(2, width), nn.Linear(width, TAGS)

        def forward(self, x):
            return self.b(self.a(x).relu())

    some = [{"x": torch.randn(2), "task": torch.ones(3), "labels": torch.tensor(1)}] * 64
    data = Data("conditioned", *[some] * 3, (2,), TAGS, collate_fn=_without_labels)
    conditioned = SearchSpace({"w": [4, 8]}, lambda a: Conditioned(a["w"]))
    generator = generators.hypernas(conditioned, condition_dim=3)
    condition = InputColumn(position="task")
    figures = fit(generator, data, CrossEntropy(), condition=condition, steps=5)
    assert set(figures) == {"accuracy", "cross_entropy"}
    with pytest.raises(ValueError, match=r"the keywords \['x', 'task'\]"):
        InputColumn(position="other")(data.example())
    generator = generators.hypernas(conditioned, condition_dim=2)
    assert len(BatchStatistics()({"x": torch.randn(5, 1)})) == 2


def _without_labels(rows):
    found = torch.utils.data.default_collate(rows)
    return found, found.pop("labels")


def test_growth_and_sorting_compare_outputs_on_keyword_inputs():
    generator, inputs = generators.shared(space()).eval(), batch()
    assert deviation(generator, [generator], **inputs) == 0
    generator = generators.shared(space("tensor")).eval()
    before = generator.call(generator.space.largest(), **inputs)
    with pytest.raises(ValueError, match="changed the outputs"):
        sort_channels(generator, channels=[{"g.weight": 1}], inputs=inputs)
    sort_channels(generator, channels=[{"f.*": 0, "g.weight": 1}], inputs=inputs)
    assert_close(generator.call(generator.space.largest(), **inputs), before)


def test_costs_and_references_read_keyword_batches(tmp_path):
    data, small = tags(), space().smallest()
    generator = generators.shared(space())
    options = {"sampler": Fixed(architectures=["smallest"]), "batch_size": 4, "num": 1}
    assert step_flops(generator, data, objective=OwnLoss(), **options) > 0
    training = Training(steps=3, batch_size=16)
    recipe = Recipe(training=training, optimizer=ADAMW, objective=OwnLoss())
    references = References(space(), data, recipe, folder=tmp_path, device="cpu")
    assert references(small, seed=0)["test"]["loss"] > 0
    other = Data("tags", examples(160, 9), *[data.test] * 2, (LENGTH,), TAGS)
    key = References(space(), other, recipe, folder=None).key(small, seed=0)
    assert key != references.key(small, seed=0)


def test_ranks_divide_the_rows_of_every_tensor_that_has_them():
    inputs = Arguments(
        (torch.arange(6.0),), {"mask": [torch.ones(6, 2)], "places": torch.ones(1, 9)}
    )
    whole = inputs, Answer(logits=torch.arange(12).view(6, 2), loss=torch.tensor(1.0))
    assert num_rows((torch.tensor(0.1), whole)) == 6
    found, targets = Rows(1, 3).of(whole, 6)
    assert_close(found.positional[0], torch.tensor([2.0, 3.0]))
    assert found.keywords["mask"][0].shape == (2, 2)
    assert found.keywords["places"].shape == (1, 9)
    assert_close(targets.logits, torch.tensor([[4, 5], [6, 7]]))
    assert targets.loss == 1


def test_examples_that_are_mappings_are_keyword_inputs_and_their_labels_the_targets():
    inputs, targets = next(tags().in_order("train", batch_size=3))
    assert list(inputs) == ["input_ids", "attention_mask", "labels"]
    assert_close(inputs["labels"], targets)
    assert Tagger(8)(**inputs).loss.dim() == 0
    unlabelled = [{"input_ids": x["input_ids"]} for x in examples(4, 0)]
    assert next(Data("none", *[unlabelled] * 3, (LENGTH,), TAGS).in_order("test"))[1] is None
