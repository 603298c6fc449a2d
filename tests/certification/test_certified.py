"""Certified training: its start, its ramp and regularisers, and what is measured by it."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from hypernas import SearchSpace, generators
from hypernas.certification import Certified, attacked, ibp, interval
from hypernas.certification.bounds import Bounds
from hypernas.certification.ramp import Ramp
from hypernas.certification.regularization import balance, tightness
from hypernas.data import digits
from hypernas.evaluation import evaluate, step_flops
from hypernas.events import Begun
from hypernas.masks import Consensus
from hypernas.objectives import CrossEntropy, TeacherLogits, moments
from hypernas.runs.assembly import Parts
from hypernas.sampling import Fixed
from hypernas.search.judge import Judge
from hypernas.spaces import mlp
from hypernas.studies.work import check_measures
from hypernas.training import Task


def stack(width: int, depth: int) -> nn.Module:
    layers = [part for _ in range(depth) for part in (nn.Linear(256, width), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(256, 10))


@torch.no_grad()
def growth(module: nn.Module) -> list[float]:
    """By what each layer behind the first multiplies the mean radius."""
    rng = torch.Generator().manual_seed(0)
    trace = module(interval(torch.randn(64, 256, generator=rng), 0.1)).trace
    radii = [float(bounds.radius.mean()) for bounds in trace.activations]
    return [after / before for before, after in itertools.pairwise(radii)]


@pytest.mark.parametrize("name", ["shared", "hypernas"])
def test_radii_stay_flat_over_eight_layers_of_generated_weights(name):
    space = SearchSpace(
        {"width": [256]},
        build=lambda a: stack(a["width"], 8),
        layouts="auto",
        inputs=torch.rand(2, 256),
    )
    generator = getattr(generators, name)(space, start=ibp(space, torch.rand(2, 256)))
    assert growth(generator.export(space.largest())) == pytest.approx([1.0] * 7, abs=0.05)


def test_radii_grow_as_theory_says_under_usual_initialisations():
    torch.manual_seed(0)
    module = stack(256, 8)
    for draw, factor in (
        (nn.init.kaiming_normal_, 256 / math.pi),
        (nn.init.xavier_normal_, 128 / math.pi),
    ):
        for layer in module[::2]:
            draw(layer.weight)
            nn.init.zeros_(layer.bias)
        assert growth(module) == pytest.approx([factor**0.5] * 7, rel=0.05)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.third, self.head = nn.Conv2d(16, 16, 3, padding=1), nn.Linear(16, 10)

    def forward(self, x):
        x = self.first(x).relu()
        x = (x + self.second(x)).relu()
        return self.head(self.third(x).relu().mean((2, 3)))


def test_a_layer_that_a_sum_is_fed_to_has_half_the_deviation_and_the_last_is_left_alone():
    inputs = torch.rand(2, 1, 8, 8)
    space = SearchSpace({"kind": [0]}, build=lambda a: Residual(), layouts="auto", inputs=inputs)
    start, plain = ibp(space, inputs, seed=3), space.build(space.largest())
    whole = math.sqrt(2 * math.pi)
    assert float(start["second.weight"].std()) == pytest.approx(whole / 144, rel=0.1)
    assert float(start["third.weight"].std()) == pytest.approx(whole / 144 / 2, rel=0.1)
    assert float(start["head.weight"].abs().max()) <= 0.25  # the builder's own, uniform
    assert set(start) == set(plain.state_dict())


def test_the_ramp_waits_bends_and_goes_on_at_its_slope():
    ramp = Ramp(wait=0.1, rise=0.4)
    found = [ramp(step, 1000) for step in range(1, 1001)]
    assert found[98] == found[99] == 0
    assert found[499] == found[-1] == 1.0
    rises = [b - a for a, b in itertools.pairwise(found)]
    assert min(rises) >= 0
    assert rises[205:490] == pytest.approx([rises[300]] * 285, rel=1e-6)  # a line
    assert rises[199] == pytest.approx(rises[205], rel=0.05)  # which goes on where the bend ends
    with pytest.raises(ValueError, match="together at most 1"):
        Ramp(wait=0.7, rise=0.7)


def test_regularisers_are_nothing_for_tight_and_balanced_bounds():
    centers = torch.tensor([1.0, -1.0, 2.0, -2.0])
    near = Bounds(centers, centers - 0.1, centers + 0.1)
    assert float(tightness(near, near)) == float(balance(near)) == 0
    wide = Bounds(centers, centers - 0.4, centers + 0.4)
    assert float(tightness(wide, near)) == pytest.approx((0.5 - 0.25) / 0.5)
    shifted = Bounds(centers, *(end + torch.tensor([7.0, 0, 7.0, 0]) for end in near[1:]))
    assert float(balance(shifted)) > 0.5  # means 17 : 3
    rising = Bounds(centers, centers.abs(), centers.abs() + 1)
    assert float(balance(rising)) == 0  # none is off


@pytest.fixture(scope="module")
def trained():
    """A generator, and the task it was trained for by hand: a few steps."""
    data = digits()
    space = mlp(input_shape=(1, 8, 8), num_classes=10, depths=(2,), widths=(16, 32))
    generator = generators.hypernas(space, start=ibp(space, data.example()))
    objective = Certified(radius=0.03, low=0.0, high=1.0, attack_steps=5)
    optimizer, rng = torch.optim.AdamW(generator.parameters(), lr=0.02), torch.Generator()
    images, labels = data.train.tensors
    for step in range(60):
        objective.see(Begun(step, 60))
        outputs = generator.call(space.sample(rng), objective.trained(images[:300]))
        objective.loss(outputs, labels[:300]).backward()
        optimizer.step()
        optimizer.zero_grad()
    return generator.eval(), Task(data, objective)


def test_certified_is_at_most_attacked_is_at_most_clean_accuracy_of_every_size(trained):
    generator, task = trained
    space = generator.space
    subnets = {"smallest": space.smallest(), "largest": space.largest()}
    for found in evaluate(generator, task.data, subnets, objective=task.objective):
        values = found.calibrated
        assert 1 - values["accuracy"] <= values["pgd_error"] <= values["certified_error"] < 0.9
        assert values["accuracy"] > 0.5


@torch.no_grad()
def test_no_attack_leaves_the_bounds_and_a_certificate_is_never_attacked(trained):
    generator, task = trained
    net, images = generator.export(generator.space.largest()), task.data.test.tensors[0][:200]
    labels = task.data.test.tensors[1][:200]
    wrong, points = attacked(net, images, labels, 0.03, low=0.0, high=1.0, steps=10)
    outputs = net(task.objective.measured(images))
    assert (points - images).abs().max() <= 0.03 + 1e-6
    assert (net(points) >= outputs.bounds.lower - 1e-4).all()
    assert (net(points) <= outputs.bounds.upper + 1e-4).all()
    certified = task.objective.measures(outputs, labels)["certified_error"] == 0
    assert certified.any()
    assert not (certified & wrong).any()


def test_a_search_judges_by_certified_errors(trained):
    generator, task = trained
    judge = Judge([generator], task, calibration_batches=1)
    assert "certified_error" in judge.measures()
    (verdict,) = judge([generator.space.smallest()])
    model = generator.export(
        generator.space.smallest(),
        statistics=generator.calibrate(
            generator.space.smallest(), task.data.calibration(1, batch_size=128, device="cpu")
        ),
    )
    found = moments(model, task.data.in_order("validation"), task.objective)
    assert verdict["certified_error"].mean == pytest.approx(found["certified_error"].mean)


def test_the_loss_at_no_radius_is_cross_entropy_and_the_radius_follows_the_ramp():
    objective, inputs = Certified(radius=0.2, regularization=0.0), torch.rand(4, 8)
    net, labels = nn.Linear(8, 3), torch.tensor([0, 1, 2, 0])
    for step, steps, radius in ((0, 1000, 1e-6), (999, 1000, 0.2)):
        objective.see(Begun(step, steps))
        outputs = net(objective.trained(inputs))
        assert float(outputs.trace.inputs.radius.mean()) == pytest.approx(radius, rel=0.05)
        loss = objective.loss(outputs, labels).item()
        plain = F.cross_entropy(net(inputs), labels).item()
        assert loss == pytest.approx(plain, rel=1e-4) if radius < 0.1 else loss > plain
    assert float(objective.measured(inputs).trace.inputs.radius.mean()) == pytest.approx(0.2)


def test_inputs_that_are_no_tensor_of_numbers_are_refused():
    with pytest.raises(ValueError, match=r"floating-point numbers, got torch\.int64"):
        Certified().measured(torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises(ValueError, match="got dict"):
        Certified().trained({"x": torch.rand(2)})
    with pytest.raises(ValueError, match="must be 0 or more and tolerance"):
        Certified(radius=-1.0)


def test_subnets_that_are_judged_leave_nothing_in_memory(trained, monkeypatch):
    generator, task = trained
    made = []
    widen = Certified.measured

    def kept(self, inputs):
        made.append(widen(self, inputs))
        return made[-1]

    monkeypatch.setattr(Certified, "measured", kept)
    judge = Judge([generator], task, calibration_batches=1)
    for architecture in (generator.space.smallest(), generator.space.largest()):
        judge([architecture])
    assert {len(x.trace.affine) for x in made} <= {
        0,
        3,
    }  # each met the layers of one pass, or was for targets


def test_outputs_without_bounds_are_no_plain_cross_entropy():
    with pytest.raises(ValueError, match="needs the bounds of outputs, got Tensor without"):
        Certified().loss(torch.randn(2, 3), torch.tensor([0, 1]))


def test_other_objectives_do_not_hold_it_as_they_would_not_pass_boxes_on():
    for make in (
        lambda: Consensus(objective=Certified()),
        lambda: TeacherLogits(teacher=nn.Linear(2, 2), labels=Certified()),
    ):
        with pytest.raises(ValueError, match="cannot hold Certified"):
            make()


def test_a_budget_counts_both_ends_of_the_box():
    data, space = digits(), mlp(input_shape=(1, 8, 8), num_classes=10, depths=(1,), widths=(16,))
    plain, certified = (
        step_flops(
            generators.shared(space), data, objective=o, batch_size=16, num=2, sampler=Fixed()
        )
        for o in (CrossEntropy(), Certified(low=0.0, high=1.0))
    )
    assert certified > 2 * plain


def test_a_study_may_be_of_certified_errors():
    data = digits()
    space = mlp(input_shape=(1, 8, 8), num_classes=10, depths=(1,), widths=(16,))
    parts = Parts(data, space, generators.shared(space), Certified(low=0.0, high=1.0), None)
    check_measures({"measure": "certified_error", "tuned_by": "certified_error"}, parts)


def test_a_module_without_layers_has_no_such_start():
    space = SearchSpace({"a": [1, 2]}, lambda a: nn.Flatten())
    with pytest.raises(ValueError, match="take another start"):
        ibp(space, torch.rand(2, 4))
