import dataclasses

import pytest
import torch
from torch.testing import assert_close
from torch.utils.data import TensorDataset

from hypernas import SearchSpace, generators, growth
from hypernas.cost import flops
from hypernas.data import digits
from hypernas.evaluation import Budget, step_flops
from hypernas.events import Stepped
from hypernas.objectives import CrossEntropy, FrozenLargest, InPlaceDistillation
from hypernas.sampling import Delayed, Fixed, Progressive, Sandwich, Uniform
from hypernas.spaces import conv2d, mlp
from hypernas.spaces.attention import FUSED_QKV, SelfAttention
from hypernas.training import Strategy, Task, Training

DATA = digits()
SPACE = mlp(input_shape=(1, 8, 8), num_classes=10, depths=(1, 2), widths=(8, 16))
IMAGES = conv2d(
    input_shape=(1, 8, 8), num_classes=10, widths=((4, 8), (8, 12)), depths=(1,), kernels=(3,)
)


def count(generator, sampler, *, objective=None, batch_size=16, num=6):
    objective = objective or CrossEntropy()
    return step_flops(
        generator, DATA, sampler=sampler, objective=objective, batch_size=batch_size, num=num
    )


def test_a_step_of_the_largest_alone_costs_one_so_a_budget_of_one_is_its_training():
    budget = Budget.of(SPACE, DATA, Fixed(), reference_steps=123)
    assert budget.spent(123) == 1
    assert budget.steps(1) == 123
    assert budget.steps(3) == 369


@pytest.mark.parametrize("space", [SPACE, IMAGES], ids=["mlp", "conv2d"])
def test_steps_of_a_sampler_times_their_mean_cost_are_the_budget(space):
    sampler, inputs = Sandwich(num_random=2), DATA.example(num=1)
    budget = Budget.of(space, DATA, sampler, reference_steps=100)
    rng = torch.Generator().manual_seed(1)  # other steps than the budget's own
    drawn = [sampler(space, rng) for _ in range(100)]
    costs = {a: flops(space.build(a), inputs) for step in drawn for a in step}
    mean = sum(costs[a] for step in drawn for a in step) / 100
    spent = budget.steps(2) * mean
    assert_close(
        spent / (200 * flops(space.build(space.largest()), inputs)), 1.0, rtol=0.05, atol=0
    )


def test_a_budget_leaves_the_random_state_as_it_is():
    random = torch.get_rng_state()
    Budget.of(SPACE, DATA, Sandwich(), reference_steps=100)
    assert_close(torch.get_rng_state(), random)


def test_a_sampler_of_twice_as_many_architectures_has_half_of_the_steps():
    one, two = (
        Budget.of(SPACE, DATA, Fixed(architectures=["largest"] * n), reference_steps=100)
        for n in (1, 2)
    )
    assert one.steps(1) == 2 * two.steps(1)


@pytest.mark.parametrize("sampler", [Uniform(), Sandwich()], ids=["uniform", "sandwich"])
def test_a_few_steps_that_are_counted_stand_for_all(sampler):
    some, every = (
        step_flops(
            generators.hypernas(IMAGES), DATA, sampler=sampler, objective=CrossEntropy(),
            batch_size=16, num=48, counted=counted,
        )
        for counted in (8, 48)
    )  # fmt: skip
    assert_close(some, every, rtol=0.05, atol=0)


def test_numbers_of_steps_below_one_are_refused_by_name():
    with pytest.raises(ValueError, match=r"num must be 1 or more, got \{'num': 0\}"):
        step_flops(
            generators.shared(IMAGES), DATA, sampler=Uniform(), objective=CrossEntropy(), batch_size=4, num=0
        )  # fmt: skip


def test_a_budget_of_less_than_a_step_is_refused():
    budget = Budget.of(SPACE, DATA, Fixed(), reference_steps=10)
    assert budget.steps(0.1) == 1
    with pytest.raises(ValueError, match=r"0\.01 is less than one step: .* 10 steps"):
        budget.steps(0.01)


@pytest.mark.parametrize("space", [SPACE, IMAGES], ids=["mlp", "conv2d"])
def test_a_step_of_weight_sharing_costs_three_forward_passes_but_the_gradient_of_the_images(space):
    generator, sampler = generators.shared(space), Uniform(num=2)
    rng = torch.Generator().manual_seed(0)
    expected = 0
    for _ in range(3):
        for architecture in sampler(space, rng):
            module = space.build(architecture)
            layers = [
                m for m in module.modules() if isinstance(m, torch.nn.Linear | torch.nn.Conv2d)
            ]
            first = layers[0]
            inputs = (
                torch.zeros(1, 64) if isinstance(first, torch.nn.Linear) else DATA.example(num=1)
            )
            expected += 16 * (3 * flops(module, DATA.example(num=1)) - flops(first, inputs))
    assert count(generator, sampler) == expected / 3


class Attending(torch.nn.Module):
    """Rows of an image attend to each other."""

    def __init__(self, heads):
        super().__init__()
        self.attention = SelfAttention(model_dim=8, heads=heads, head_dim=4)

    def forward(self, images):
        return self.attention(images.flatten(1, 2)).mean(1)


def test_a_step_counts_the_products_of_attention_twice_on_the_way_back():
    space = SearchSpace({"heads": [2, 3]}, lambda a: Attending(a["heads"]), layouts=FUSED_QKV)
    data = dataclasses.replace(
        DATA, train=TensorDataset(DATA.train.tensors[0], DATA.train.tensors[1] % 8)
    )
    found = step_flops(
        generators.shared(space),
        data,
        sampler=Fixed(),
        objective=CrossEntropy(),
        batch_size=16,
        num=1,
    )
    product = 2 * 3 * 8 * 8 * 4  # queries times keys, or scores times values
    project, qkv = 2 * 8 * 12 * 8, 2 * 8 * 8 * 36  # images get no gradient
    assert found == 16 * (3 * project + 2 * qkv + 3 * 2 * product)


def test_generating_weights_is_counted():
    shared, mixed = generators.shared(SPACE), generators.mip_hypernetwork(SPACE)
    assert count(mixed, Sandwich()) > count(shared, Sandwich())


def test_mixing_templates_costs_two_operations_for_each_of_their_entries_and_back():
    alone = Fixed(architectures=["smallest"])
    shared, mixed = (
        f(growth.subspace(SPACE, "smallest")) for f in (generators.shared, generators.mos_layer)
    )
    templates = growth.member(SPACE, num_templates=3)
    matrices = sum(p.numel() for p in shared.parameters() if p.dim() == 3)
    assert count(templates, alone) - count(shared, alone) == 2 * 2 * 3 * matrices
    assert count(mixed, alone) > count(shared, alone)


def test_flops_grow_with_the_batch_and_distillation_adds_none():
    generator = generators.shared(SPACE)
    assert count(generator, Sandwich(), batch_size=32) == 2 * count(generator, Sandwich())
    distilled = count(generator, Sandwich(), objective=InPlaceDistillation())
    assert distilled == count(generator, Sandwich())


@pytest.mark.parametrize("make", [generators.shared, generators.hypernas, generators.Standalone])
def test_counting_leaves_the_generator_and_the_random_state_as_they_are(make):
    generator = make(SPACE).eval()
    for parameter in generator.parameters():
        parameter.grad = torch.ones_like(parameter)
    state = {name: value.clone() for name, value in generator.state_dict().items()}
    random = torch.get_rng_state()
    count(generator, Sandwich())
    assert_close(generator.state_dict(), state)
    assert_close(torch.get_rng_state(), random)
    assert all(p.grad.eq(1).all() for p in generator.parameters())
    assert not generator.training


def test_architectures_that_divide_a_batch_cost_one_pass_together():
    whole = Budget.of(SPACE, DATA, Fixed(), reference_steps=100)
    divided = Budget.of(SPACE, DATA, Uniform(num=4, divide=True), reference_steps=100)
    alone = Budget.of(SPACE, DATA, Uniform(), reference_steps=100)
    assert whole.spent(100) == 1
    assert_close(divided.spent(100), alone.spent(100), rtol=0.1, atol=0)
    generator = generators.shared(SPACE)
    four, one = (
        count(generator, sampler, num=64)
        for sampler in (Uniform(num=4, divide=True), Uniform(num=1))
    )
    assert_close(four, one, rtol=0.15, atol=0)


def test_a_sampler_that_changes_costs_what_it_does_over_the_whole_of_training():
    late, early = (Delayed(delay=d, ramp=0.0) for d in (0.75, 0.25))
    steps = [Budget.of(SPACE, DATA, s, reference_steps=100).spent(100) for s in (late, early)]
    sandwich = Budget.of(SPACE, DATA, Sandwich(), reference_steps=100).spent(100)
    expected = [0.75 + 0.25 * sandwich, 0.25 + 0.75 * sandwich]
    assert_close(steps, expected, rtol=0.05, atol=0)
    generator = generators.shared(SPACE)
    assert count(generator, late, num=64) < count(generator, early, num=64)
    assert not late.steps  # the sampler itself was told of no training


@pytest.mark.parametrize("sampler", [Uniform(), Sandwich(), Progressive(), Delayed()])
def test_a_budget_counts_the_architectures_that_training_takes_with_the_seed(sampler):
    budget = Budget.of(SPACE, DATA, sampler, reference_steps=20, seed=5)
    steps, spent = budget.steps(1), []

    def count(run, event):
        if isinstance(event, Stepped):
            spent.append(sum(map(budget.cost, event.architectures)))

    Training(steps=steps, batch_size=8).run(
        generators.shared(SPACE),
        Task(DATA, CrossEntropy()),
        Strategy(sampler=sampler, optimizer=torch.optim.SGD, seed=5),
        callbacks=[count],
        device="cpu",
    )
    assert len(spent) == steps
    assert_close(sum(spent) / 20, budget.spent(steps))
    assert abs(sum(spent) / 20 - 1) <= max(spent) / 20


def test_of_a_sampler_that_draws_alike_at_each_step_a_budget_is_spent_up_to_half_a_step():
    for seed in range(3):
        budget = Budget.of(SPACE, DATA, Sandwich(), reference_steps=50, seed=seed)
        steps = budget.steps(2)
        ends = [abs(budget.spent(steps + i) - 2) for i in (-1, 0, 1)]
        assert ends[1] == min(ends)


def test_a_frozen_teacher_costs_a_forward_pass_of_the_largest_at_each_step_that_it_teaches():
    objective, seen = FrozenLargest(share=0.25), []

    def look(run, event):
        if isinstance(event, Stepped):
            seen.append(objective.teacher is not None)

    taught, alone = (
        Budget.of(SPACE, DATA, Uniform(), reference_steps=20, objective=own)
        for own in (objective, None)
    )
    assert_close(taught.spent(12) - alone.spent(12), 9 / 3 / 20)
    steps = taught.steps(1)
    assert steps < alone.steps(1)
    assert abs(taught.spent(steps) - 1) < 1.34 / 20
    Training(steps=12, batch_size=8).run(
        generators.shared(SPACE),
        Task(DATA, objective),
        Strategy(sampler=Uniform(), optimizer=torch.optim.SGD),
        callbacks=[look],
        device="cpu",
    )
    assert seen[:-1].count(True) == 9  # the step after that at which it is kept is the first
    flops_of = [
        step_flops(
            generators.shared(SPACE), DATA, sampler=Uniform(), objective=own, batch_size=8, num=12
        )
        for own in (objective, CrossEntropy())
    ]
    beside = 8 * flops(SPACE.build(SPACE.largest()), DATA.example(num=1)) * 9 / 12
    assert_close(flops_of[0] - flops_of[1], beside, rtol=1e-6, atol=0)
