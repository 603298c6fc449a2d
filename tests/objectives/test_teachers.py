"""Frozen teachers of any architecture."""

from functools import partial

import pytest
import torch
from structured_models import ADAMW, LENGTH, TAGS, TOKENS, Answer, batch, examples, space, tags
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from hypernas import generators
from hypernas.conditions import InputColumn
from hypernas.data import Data
from hypernas.evaluation import evaluate
from hypernas.objectives import (
    CrossEntropy,
    OwnLoss,
    TeacherLogits,
    TeacherRelations,
    TeacherSimilarities,
    assess,
)
from hypernas.objectives.frozen_teacher import FrozenTeacher
from hypernas.objectives.logits import logits_of
from hypernas.objectives.teacher_relations import States
from hypernas.sampling import Uniform
from hypernas.spaces import mlp
from hypernas.training import Strategy, Task, Training
from hypernas.training.callbacks import Validation


class Recurrent(nn.Module):
    """A teacher of another kind and width than its students; it takes no labels."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Embedding(TOKENS, 10)
        self.b = nn.GRU(10, 20, batch_first=True)
        self.c, self.drop = nn.Linear(20, TAGS), nn.Dropout(0.5)
        self.calls = 0

    def forward(self, input_ids, attention_mask=None):
        self.calls += 1
        states, _ = self.b(self.a(input_ids))
        return {"classes": self.c(self.drop(states)), "states": states}


OBJECTIVES = {
    "agreement": partial(TeacherLogits, teacher_output="classes"),
    "relation_divergence": partial(
        TeacherRelations, output="states.-1", teacher_output="states", num_heads=2
    ),
    "similarity_error": partial(TeacherSimilarities, output="states.-1", teacher_output="states"),
}


def fit(objective, data, steps=60):
    generator = generators.shared(space())
    strategy = Strategy(sampler=Uniform(), optimizer=ADAMW)
    before = assess(generator.export(space().smallest()), data.in_order("validation"), objective)
    training = Training(steps=steps, batch_size=32)
    task, callbacks = Task(data, objective), [Validation(every=steps)]
    return before, training.run(generator, task, strategy, callbacks=callbacks, device="cpu")


@pytest.mark.parametrize("measure", OBJECTIVES)
def test_subnets_come_nearer_to_a_teacher_of_another_architecture(measure):
    teacher = Recurrent()
    before, after = fit(OBJECTIVES[measure](teacher=teacher), tags(), steps=100)
    if measure == "agreement":
        assert after[measure] > max(0.7, before[measure])
    else:
        assert after[measure] < 0.7 * before[measure]
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert not teacher.training


def test_data_without_labels_are_distilled():
    some = [{key: x[key] for key in ("input_ids", "attention_mask")} for x in examples(64, 0)]
    data = Data("unlabelled", *[some] * 3, (LENGTH,), TAGS)
    objective = TeacherLogits(teacher=Recurrent(), teacher_output="classes")
    _, after = fit(objective, data, steps=3)
    assert set(after) == {"agreement"}


def test_a_teacher_gets_what_the_target_gets_and_not_the_condition():
    some = [(torch.randn(2), torch.ones(3), torch.tensor(1))] * 64
    data = Data("conditioned", *[some] * 3, (2,), TAGS)
    generator = generators.hypernas(
        mlp(input_shape=(2,), num_classes=TAGS, widths=[4, 8], depths=[1]), condition_dim=3
    )
    objective = TeacherLogits(teacher=nn.Linear(2, TAGS))
    task = Task(data, objective, InputColumn())
    strategy = Strategy(sampler=Uniform(), optimizer=ADAMW)
    training = Training(steps=2, batch_size=32)
    figures = training.run(generator, task, strategy, callbacks=[Validation(every=2)], device="cpu")
    assert set(figures) == {"agreement"}
    subnets = {"smallest": generator.space.smallest()}
    (found,) = evaluate(generator, data, subnets, objective=objective, condition=InputColumn())
    assert set(found.calibrated) == {"agreement"}


# --- logits ------------------------------------------------------------------------------------


def test_the_share_of_labels_is_that_of_their_objective_and_ignored_ones_count_nowhere():
    inputs = batch()
    labels, logits = inputs["labels"], torch.randn(5, LENGTH, TAGS)
    make = partial(TeacherLogits, teacher=Recurrent(), teacher_output="classes", temperature=2.0)
    taught = make().teach(inputs)
    whole, half = make(), make(labels=CrossEntropy(), weight=0.5)
    those = labels != -100
    soft = (taught[those] / 2).softmax(-1)
    expected = 4 * F.cross_entropy(logits[those] / 2, soft)
    assert_close(whole.loss(logits, labels, taught), expected)
    mixed = (expected + CrossEntropy().loss(logits, labels)) / 2
    assert_close(half.loss(logits, labels, taught), mixed)
    assert set(half.measures(logits, labels)) == {"accuracy", "cross_entropy"}
    assert len(half.fidelity(logits, labels, taught)["agreement"]) == those.sum()
    own = make(labels=OwnLoss(), weight=0.0)
    outputs = Answer(loss=torch.tensor(1.5), logits=logits)
    assert own.loss(outputs, labels, taught) == 1.5


def test_teachers_of_other_classes_and_shares_without_labels_are_refused():
    with pytest.raises(ValueError, match=r"shape of the student's, \(5, 6, 3\), got \(5, 6, 4\)"):
        TeacherLogits(teacher=Recurrent()).loss(torch.randn(5, 6, 3), None, torch.randn(5, 6, 4))
    with pytest.raises(ValueError, match=r"give labels=CrossEntropy\(\)"):
        TeacherLogits(teacher=Recurrent(), weight=0.5)


# --- states ------------------------------------------------------------------------------------


def test_relations_are_those_of_the_formula_and_of_tokens_alone():
    student, teacher = torch.randn(3, 5, 8), torch.randn(3, 5, 12)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
    objective = TeacherRelations(teacher=nn.Identity(), output="0", num_heads=2)
    expected = []
    for i, length in enumerate([5, 3, 1]):
        rows = torch.zeros(length)
        for head in range(2):
            s, t = student[i, :length, 4 * head :][:, :4], teacher[i, :length, 6 * head :][:, :6]
            p, q = (((x @ x.T) / x.shape[1] ** 0.5).softmax(-1) for x in (t, s))
            rows += (p * (p.log() - q.log())).sum(-1) / 2
        expected.append(rows)
    states = States(teacher, mask)
    assert_close(
        objective.fidelity((student,), None, states)["relation_divergence"], torch.cat(expected)
    )
    same = States(student, mask)
    assert_close(objective.loss((student,), None, same), torch.tensor(0.0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("make", [TeacherRelations, TeacherSimilarities])
def test_rotated_and_scaled_states_are_the_same_to_similarities_only(make):
    student, mask = torch.randn(4, 5, 6), None
    rotation = torch.linalg.qr(torch.randn(6, 6)).Q
    objective = make(teacher=nn.Identity(), output="0")
    rotated = objective.loss((student,), None, States(student @ rotation, mask))
    scaled = objective.loss((student,), None, States(3 * student @ rotation, mask))
    assert rotated < 1e-6
    assert (scaled < 1e-6) == (make is TeacherSimilarities)


def test_similarities_are_of_the_means_over_tokens():
    student, teacher = torch.randn(3, 5, 8), torch.randn(3, 5, 12)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
    means = [
        torch.stack([x[:n].mean(0) for x, n in zip(states, [5, 3, 1], strict=True)])
        for states in (student, teacher)
    ]
    a, b = (F.cosine_similarity(x[:, None], x[None], dim=-1) for x in means)
    objective = TeacherSimilarities(teacher=nn.Identity(), output="0")
    expected = (a - b).square().sum() / 6
    assert_close(objective.loss((student,), None, States(teacher, mask)), expected)
    assert_close(
        objective.loss((means[0],), None, States(means[1], None)), expected
    )  # states of examples are taken as they are


def test_states_that_do_not_belong_together_are_refused():
    objective = TeacherRelations(teacher=nn.Identity(), output="0", num_heads=4)
    with pytest.raises(ValueError, match=r"got \(2, 5, 8\) of the student and \(2, 6, 8\)"):
        objective.loss((torch.randn(2, 5, 8),), None, States(torch.randn(2, 6, 8), None))
    with pytest.raises(ValueError, match="num_heads=4 does not divide states of 6"):
        objective.loss((torch.randn(2, 5, 8),), None, States(torch.randn(2, 5, 6), None))
    with pytest.raises(ValueError, match=r"got \(2, 3, 4, 5\)"):
        TeacherSimilarities(teacher=nn.Identity(), output="0").loss(
            (torch.randn(2, 3, 4, 5),), None, States(torch.randn(2, 3), None)
        )


# --- the teacher -------------------------------------------------------------------------------


def test_stored_rows_are_those_of_the_module_which_runs_once_for_each_example():
    module, whole = Recurrent(), batch(12)
    read = partial(logits_of, output="classes")
    plain, stored = (FrozenTeacher(module, read=read, num_stored=num) for num in (0, 12))
    expected, calls = plain(whole), module.calls
    order = torch.randperm(12)
    for rows in (*torch.arange(12).split(4), *order.split(3)):
        assert_close(stored({key: x[rows] for key, x in whole.items()}), expected[rows])
    assert module.calls == calls + 3


def test_other_masks_are_other_examples():
    module = Recurrent()
    teacher = FrozenTeacher(module, read=partial(logits_of, output="classes"), num_stored=99)
    whole = batch(4)
    teacher(whole)
    teacher({**whole, "attention_mask": 1 - whole["attention_mask"]})
    assert module.calls == 2


def test_teachers_with_other_weights_are_told_apart():
    read = partial(logits_of, output="classes")
    same, other = Recurrent(), Recurrent()
    assert repr(FrozenTeacher(same, read=read)) == repr(FrozenTeacher(same, read=read))
    assert repr(FrozenTeacher(same, read=read)) != repr(FrozenTeacher(other, read=read))
