"""Methods that learn one task after another, on small streams."""

from functools import partial

import pytest
import torch
from torch.testing import assert_close

from hypernas import generators
from hypernas.continual import (
    EWC,
    Conditioned,
    Course,
    ExSSNeT,
    FineTuning,
    Joint,
    Matrix,
    Permuted,
    Phase,
    Separate,
    SSNeT,
    SupSup,
    SynapticIntelligence,
    learn,
)
from hypernas.continual.methods.conditioned import TaskGenerator
from hypernas.data import split_tensors
from hypernas.data.data import Data
from hypernas.objectives import CrossEntropy, FrozenLargest, InPlaceDistillation
from hypernas.sampling import PADA, Attentive, Sandwich, Uniform
from hypernas.spaces import mlp
from hypernas.training import Diverged

RNG = torch.Generator().manual_seed(0)
CENTRES = 2 * torch.randn(4, 12, generator=RNG)
TARGETS = torch.arange(240) % 4
INPUTS = CENTRES[TARGETS] + torch.randn(240, 12, generator=RNG)
DATA = Data("clouds", *split_tensors(INPUTS, TARGETS, (160, 40, 40), seed=0), (12,), 4)
SPACE = mlp(input_shape=(12,), num_classes=4, depths=[1], widths=[12, 24], norm="batch")
TASK_READING = partial(generators.hypernas, condition_dim=3)
OPTIMIZER = partial(torch.optim.AdamW, lr=0.01, weight_decay=0.1)
METHODS = {
    "exssnet": (partial(ExSSNeT, transfer="best", num_neighbours=9), generators.shared),
    "templates": (partial(ExSSNeT, own=True, density=0.3), generators.soft_sharing),
    "ssnet": (SSNeT, generators.shared),
    "supsup": (SupSup, generators.shared),
    "fine_tuning": (FineTuning, generators.shared),
    "joint": (Joint, generators.shared),
    "separate": (Separate, generators.shared),
    "ewc": (partial(EWC, num_examples=5), generators.shared),
    "synaptic_intelligence": (SynapticIntelligence, generators.shared),
    "conditioned": (partial(Conditioned, num_compared=1), TASK_READING),
}
KEPT = {"exssnet", "templates", "supsup", "separate"}  # forget nothing
STREAM = Permuted(DATA, num=3)


def outputs(method, task: int) -> torch.Tensor:
    with method.using(task) as generator, torch.no_grad():
        return generator.eval().call(SPACE.largest(), INPUTS[:20])


def learned(name: str, *, begin=None, until=3, method=None, steps=4, **more):
    """A method after some tasks, its matrix, and the outputs of each task as it was learned."""
    make, generator = METHODS[name]
    method = method or make(generator(SPACE), num_tasks=3)
    course, matrix, then = Course(steps=steps, batch_size=32), Matrix(), []
    tasks = learn(
        method, STREAM, CrossEntropy(), course=course, optimizer=OPTIMIZER, begin=begin, **more
    )
    for found in tasks:
        matrix.add(found.task, found.scores["largest"])
        if found.task:
            matrix.add(found.task - 1, {found.task: found.start["largest"]})
            then.append(outputs(method, found.task - 1))
        if found.task == until:
            break
    return method, matrix, then


@pytest.mark.parametrize("name", list(METHODS))
def test_a_stream_that_is_gone_on_with_is_bit_for_bit_one_that_was_not_stopped(name):
    whole, _, then = learned(name)
    first, _, _ = learned(name, until=2)
    make, generator = METHODS[name]
    second = make(generator(SPACE), num_tasks=3)
    second.restore({key: value.clone() for key, value in first.state().items()})
    second, _, _ = learned(name, begin=2, method=second)
    for task in range(3):
        assert torch.equal(outputs(whole, task), outputs(second, task))
    same = [torch.equal(before, outputs(whole, i)) for i, before in enumerate(then)]
    assert all(same) if name in KEPT else same == [False, False, True]
    assert whole.stored() == second.stored()


@pytest.mark.parametrize("name", ["exssnet", "conditioned"])
def test_a_task_has_its_weights_at_any_size_and_exports_them(name):
    method, _, _ = learned(name, sampler=Uniform(), until=2)
    for task in (0, 1):
        with method.using(task) as generator:
            generator.eval()
            for architecture in (SPACE.largest(), SPACE.smallest()):
                net = generator.export(architecture)
                assert_close(net.eval()(INPUTS[:9]), generator.call(architecture, INPUTS[:9]))
    with method.using(0) as generator:
        first = generator(SPACE.smallest())
    with method.using(1) as generator:
        second = generator(SPACE.smallest())
    assert not torch.equal(first["head.weight"], second["head.weight"])


def test_what_is_stored_is_a_network_a_task_or_a_bank_and_codes_of_masks():
    weights = sum(p.numel() for p in generators.shared(SPACE).parameters())
    statistics = 4 * 24 * 2 + 8
    alone, bank, signs = (
        learned(name, steps=2)[0].stored() for name in ("separate", "exssnet", "supsup")
    )
    assert [own["network"] for own in alone.tasks] == [4 * weights + statistics] * 3
    assert bank.shared == {"bank": 4 * weights}
    assert {own["statistics"] for own in bank.tasks} == {statistics}
    assert bank.bits == [36 + 12] * 3
    assert [own["masks"] for own in bank.tasks] == bank.codes
    assert signs.shared["bank"] == 4 * (weights - 384) + 48 + 2 * 4
    assert bank.total() == 4 * weights + sum(sum(own.values()) for own in bank.tasks)


def test_the_output_regulariser_is_the_mean_distance_of_what_is_written_for_earlier_tasks():
    method = Conditioned(TASK_READING(SPACE, gate_scale=1.0), num_tasks=3, beta=0.5)
    phases = method.learn(2, DATA)
    next(phases)
    largest = SPACE.largest()
    before = method.tasks.generate_for([(largest, 0), (largest, 1)])
    before = [{name: weight.detach() for name, weight in own.items()} for own in before]
    assert float(method.penalty(2, [largest]).detach()) == 0
    with torch.no_grad():
        for parameter in method.generator.parameters():
            parameter.add_(0.01)
    now = method.tasks.generate_for([(largest, 0), (largest, 1)])
    distances = [
        sum((w[n] - b[n]).square().sum() for n in b) for w, b in zip(now, before, strict=True)
    ]
    assert_close(method.penalty(2, [largest]).detach(), 0.5 * sum(distances).detach() / 2)
    with pytest.raises(ValueError, match=r"generator\.condition_dim=8"):
        Conditioned(generators.shared(SPACE), num_tasks=2)


def test_the_pull_of_elastic_weights_is_that_of_a_term_for_each_task():
    method = EWC(generators.shared(SPACE), num_tasks=3, strength=4.0, num_examples=3)
    terms = []
    for task in range(2):
        phases = method.learn(task, STREAM.task(task))
        next(phases)
        with torch.no_grad():
            for parameter in method.trained:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=RNG))
        before = {n: f.clone() for n, f in method._fisher.items()}
        assert next(phases, None) is None
        own = dict(method.generator.named_parameters())
        terms.append(
            {n: (method._fisher[n] - f, own[n].detach().clone()) for n, f in before.items()}
        )
    named = dict(method.generator.named_parameters())
    for parameter in named.values():
        parameter.data.mul_(1.3)
    each = [(f * (named[n] - at).square()).sum() for own in terms for n, (f, at) in own.items()]
    expected = torch.autograd.grad(2.0 * torch.stack(each).sum(), [*named.values()])
    found = torch.autograd.grad(method.penalty(2, []), [*named.values()])
    for pair in zip(found, expected, strict=True):
        assert_close(*pair, rtol=1e-3, atol=1e-5)


def test_importance_of_a_way_is_what_it_has_done_for_the_loss():
    method = SynapticIntelligence(generators.shared(SPACE), num_tasks=2, damping=0.5)
    phases = method.learn(0, DATA)
    next(phases)
    weight = method.generator.get_parameter("bank.stacks.head/bias")
    start = weight.detach().clone()
    for gradient, step in ((2.0, -0.1), (1.0, -0.3), (-1.0, -0.1)):
        weight.grad = torch.full_like(weight, gradient)
        method.before_step()
        weight.data.add_(step)
        method.after_step()
    assert next(phases, None) is None
    expected = (0.2 + 0.3 - 0.1) / ((weight - start).square() + 0.5)
    assert_close(method._importance["bank.stacks.head/bias"], expected.detach())
    weight.data.add_(1)
    assert_close(method.penalty(1, []).detach(), (0.1 * expected).sum().detach())


def test_figures_of_a_matrix_are_those_of_their_definitions():
    scores = [[0.1, 0.2, 0.1], [0.9, 0.3, 0.0], [0.7, 0.8, 0.4], [0.8, 0.5, 0.6]]
    matrix = Matrix()
    for after, row in enumerate(scores):
        known = range(1, 4) if not after else range(1, min(after + 1, 3) + 1)
        matrix.add(after, {task: row[task - 1] for task in known})
    found = matrix.figures()
    assert found["final"] == pytest.approx((0.8 + 0.5 + 0.6) / 3)
    assert found["learned"] == pytest.approx((0.9 + 0.8 + 0.6) / 3)
    assert found["forgetting"] == pytest.approx(((0.9 - 0.8) + (0.8 - 0.5)) / 2)
    assert found["forward_transfer"] == pytest.approx(((0.3 - 0.2) + (0.4 - 0.1)) / 2)


def course(method, *, objective=None, optimizer=OPTIMIZER, sampler=None, steps=4, tasks=1):
    tasks = learn(
        method,
        Permuted(DATA, num=tasks),
        objective or CrossEntropy(),
        course=Course(steps=steps, batch_size=32),
        optimizer=optimizer,
        sampler=sampler,
    )
    return [found.scores["largest"] for found in tasks]


@pytest.mark.parametrize(
    ("method", "more", "told"),
    [
        (lambda: FineTuning(generators.Standalone(SPACE), num_tasks=1), {}, "Standalone, whose parameters come"),
        (lambda: FineTuning(generators.shared(SPACE), num_tasks=1), {"sampler": PADA()}, "PADA, which is to be told"),
        (lambda: FineTuning(generators.shared(SPACE), num_tasks=1), {"sampler": Attentive()}, "Attentive, which"),
        (lambda: FineTuning(generators.shared(SPACE), num_tasks=1), {"objective": FrozenLargest()}, "FrozenLargest, which"),
    ],
)  # fmt: skip
def test_parts_that_want_more_than_a_course_tells_are_refused_by_name(method, more, told):
    with pytest.raises(ValueError, match=told):
        course(method(), **more)


def test_distillation_teaches_in_a_stream_too():
    found = []
    for objective in (CrossEntropy(), InPlaceDistillation()):
        method = FineTuning(generators.shared(SPACE), num_tasks=1)
        course(method, objective=objective, sampler=Sandwich(num_random=1))
        found.append(outputs(method, 0))
    assert not torch.equal(*found)


def test_what_diverges_is_told_and_not_learned():
    method = FineTuning(generators.shared(SPACE), num_tasks=1)
    with pytest.raises(Diverged, match=r"while task 1 was learned .*lower optimizer\.lr"):
        course(method, optimizer=partial(torch.optim.SGD, lr=1e30))


@pytest.mark.parametrize("name", ["fine_tuning", "separate", "conditioned", "exssnet"])
def test_optimizers_get_the_decay_and_the_rates_of_the_generators_groups(name):
    made = []

    def optimizer(groups, **options):
        made.append(torch.optim.AdamW(groups, lr=0.01, weight_decay=0.1))
        return made[-1]

    make, generator = METHODS[name]
    generator = generator(SPACE)
    own = {id(p): g for g in generator.parameter_groups() for p in g.parameters}
    course(make(generator, num_tasks=1), optimizer=optimizer)
    seen = [(p, g) for one in made for g in one.param_groups for p in g["params"] if id(p) in own]
    assert seen
    for parameter, group in seen:
        assert group["weight_decay"] == (0.1 if own[id(parameter)].decay else 0.0)
        assert group["lr"] == pytest.approx(0.01 * own[id(parameter)].lr_scale)


def test_settings_of_masks_that_are_out_of_range_are_refused_all_at_once():
    with pytest.raises(
        ValueError,
        match=r"(?s)mask_share: above 0 .*1\.5.*mask_lr_scale: .*-1.*num_neighbours: 1 or more",
    ):
        ExSSNeT(
            generators.shared(SPACE),
            num_tasks=2,
            mask_share=1.5,
            mask_lr_scale=-1.0,
            num_neighbours=0,
        )
    with pytest.raises(ValueError, match="a part of the task's steps"):
        Phase([], share=1.5)


def test_no_more_targets_are_made_than_tasks_are_compared(monkeypatch):
    method = Conditioned(TASK_READING(SPACE), num_tasks=6, num_compared=1)
    counted, make = [], TaskGenerator.generate_for
    monkeypatch.setattr(
        TaskGenerator,
        "generate_for",
        lambda self, pairs: counted.append(len(pairs)) or make(self, pairs),
    )
    course(method, sampler=Uniform(), tasks=6)
    assert set(counted) == {1}
