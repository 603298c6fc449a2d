"""A supernet that is split where gradients disagree."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from training_runs import ADAMW, blobs, fit, short

from hypernas import SearchSpace, generators
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform
from hypernas.spaces import mlp
from hypernas.training import Callback, Stepped, Strategy, Task, train_steps
from hypernas.training.callbacks import Split

SPLIT = partial(Split, num_batches=2)


def made(num=2):
    own = mlp(input_shape=(2,), num_classes=3, depths=(1, 2), widths=(8, 12, 16, 20), norm="layer")
    return generators.few_shot(own, num_groups=num, grouping="gradient")


class Moment(Callback):
    """Notes parameters and optimizer state by group right after a step."""

    def __init__(self, step):
        self.step = step

    def __call__(self, run, event):
        if isinstance(event, Stepped) and event.step == self.step:
            state = run.groups.optimizer.state
            self.groups = [
                [
                    (p.detach().clone(), {k: v.clone() for k, v in state.get(p, {}).items()})
                    for p in group.parameters()
                ]
                for group in run.generator.generators
            ]


def test_children_start_from_weights_and_optimizer_state_of_their_parent():
    moment = Moment(3)
    fit(made(), short(10), sampler=Uniform(), callbacks=[SPLIT(at=0.3), moment])
    parent, child = moment.groups
    assert all(state for _, state in parent)
    assert_close(child, parent, rtol=0, atol=0)


def test_before_the_split_it_is_plain_sharing_and_after_it_groups_go_apart():
    generator, plain = made(), generators.shared(made().space)
    fit(generator, short(10), sampler=Uniform(), callbacks=[SPLIT(at=0.5), before := Moment(4)])
    fit(plain, short(10), sampler=Uniform(), callbacks=[other := SharedMoment(4)])
    assert_close([p for p, _ in before.groups[0]], other.parameters, rtol=0, atol=0)
    ((of, choice, groups),) = generator.groups.splits
    assert of == 0
    assert choice in ("depth", "width_0")
    counts = torch.tensor(groups).bincount()
    assert int(counts.max() - counts.min()) <= 1
    one, two = (list(group.parameters()) for group in generator.generators)
    assert any(not torch.equal(*pair) for pair in zip(one, two, strict=True))


class SharedMoment(Callback):
    def __init__(self, step):
        self.step = step

    def __call__(self, run, event):
        if isinstance(event, Stepped) and event.step == self.step:
            self.parameters = [p.detach().clone() for p in run.generator.parameters()]


def test_a_split_leaves_no_trace_but_the_groups():
    run = short(10).begin(
        made(),
        Task(blobs(), CrossEntropy()),
        Strategy(sampler=Uniform(), optimizer=ADAMW),
        device="cpu",
    )
    for _ in train_steps(run):
        break
    before = {n: t.clone() for n, t in run.generator.state_dict().items()}
    random = torch.get_rng_state()
    SPLIT().distances(run, "width_0")
    assert_close(dict(run.generator.state_dict()), before, rtol=0, atol=0)
    assert_close(torch.get_rng_state(), random)
    assert all(p.grad is None for p in run.generator.parameters())


def layers(architecture):
    one, two = architecture["first"], architecture["second"]
    return nn.Sequential(
        nn.Linear(2, one), nn.ReLU(), nn.Linear(one, two), nn.ReLU(), nn.Linear(two, 3)
    )


def four(space):
    return generators.few_shot(space, num_groups=4, grouping="gradient")


def test_groups_are_split_again_each_by_a_choice_of_its_own():
    space = SearchSpace({"first": [4, 8], "second": [6, 9, 12]}, layers)
    generator, moments = four(space), [Moment(3), Moment(6)]
    fit(generator, short(10), sampler=Uniform(), callbacks=[SPLIT(at=[0.3, 0.6]), *moments])
    first, *later = generator.groups.splits
    assert first[0] == 0
    assert {*first[2]} == {0, 1}
    assert [(of, {*groups}) for of, _, groups in later] == [(0, {0, 2}), (1, {1, 3})]
    assert all(choice != first[1] for _, choice, _ in later)
    groups = moments[1].groups
    assert_close(groups[2], groups[0], rtol=0, atol=0)
    assert_close(groups[3], groups[1], rtol=0, atol=0)
    assert not torch.equal(groups[0][0][0], groups[1][0][0])
    every = [generator.groups(a) for a in generator.space.enumerate()]
    assert {*every} == {0, 1, 2, 3}
    restored = four(space)
    restored.load_state_dict(generator.state_dict())
    assert [restored.groups(a) for a in generator.space.enumerate()] == every


def test_what_cannot_be_split_is_refused_by_name():
    with pytest.raises(ValueError, match="grouping=gradient"):
        fit(generators.shared(made().space), short(4), callbacks=[SPLIT()])
    with pytest.raises(ValueError, match="always active"):
        fit(made(), short(4), callbacks=[SPLIT(choices=["width_1"])])
    with pytest.raises(ValueError, match=r"make w\^2 groups, got 2"):
        fit(made(), short(4), callbacks=[SPLIT(at=[0.3, 0.6])])
    with pytest.raises(ValueError, match="rising if there are several"):
        SPLIT(at=[0.6, 0.3])
    with pytest.raises(ValueError, match="shard_banks and"):
        fit(made(), short(4, shard_optimizer=True), callbacks=[SPLIT()])
