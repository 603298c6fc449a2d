import functools
import itertools

import pytest
import torch

from hypernas import generators
from hypernas.cost import flops, num_parameters
from hypernas.data import digits
from hypernas.evaluation import Recipe, References, evaluate, training_overhead
from hypernas.objectives import CrossEntropy, InPlaceDistillation
from hypernas.sampling import Fixed, Sandwich, Uniform
from hypernas.spaces import mlp
from hypernas.studies import run_cell
from hypernas.training import Strategy, Task, Training

DATA = digits()
SPACE = mlp(input_shape=(1, 8, 8), num_classes=10, depths=(1, 2), widths=(8, 16))
SUBNETS = {"small": SPACE.smallest(), "large": SPACE.largest()}


def cell(generator=None, *, lr=0.01, steps=12, sampler=None, objective=None, **options):
    options = {"split": "test", **options}
    return run_cell(
        generator or generators.hypernas(SPACE),
        Task(DATA, objective or CrossEntropy()),
        SUBNETS,
        training=Training(steps=steps, batch_size=32),
        strategy=Strategy(
            sampler=sampler or Sandwich(),
            optimizer=functools.partial(torch.optim.AdamW, lr=lr),
            seed=3,
        ),
        device="cpu",
        **options,
    )


def test_rows_are_the_calibrated_measures_and_costs_of_each_subnet_on_the_split():
    generator = generators.hypernas(SPACE)
    found = cell(generator, split="validation")
    again = evaluate(
        generator,
        DATA,
        SUBNETS,
        objective=CrossEntropy(),
        split="validation",
        calibration_batches=8,
    )
    for row, evaluation in zip(found.rows, again, strict=True):
        module = SPACE.build(evaluation.architecture)
        assert row == {
            "subnet": evaluation.label,
            "architecture": evaluation.architecture.to_json(),
            "params": num_parameters(module),
            "macs": flops(module, DATA.example(num=1)) // 2,
            "inherited": evaluation.calibrated,
        }


def test_a_cell_tells_what_was_spent_and_stored():
    generator = generators.shared(SPACE)
    found = cell(generator)
    assert found.overhead == training_overhead(
        generator, DATA, sampler=Sandwich(), objective=CrossEntropy(), batch_size=32
    )
    assert found.stored == generator.describe().num_stored
    assert found.seconds > 0
    assert not found.diverged


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_following_a_run_does_not_change_it(dropout):
    def space():
        build = lambda a: torch.nn.Sequential(  # noqa: E731
            torch.nn.Flatten(), torch.nn.Dropout(dropout), SPACE.build(a)
        )
        return type(SPACE)(SPACE.choices, build)

    found = [cell(generators.shared(space()), follow=follow) for follow in (False, True)]
    assert found[0].rows == found[1].rows
    assert found[0].trajectory == []
    assert found[1].trajectory


def test_subnets_are_followed_on_validation_in_the_last_half_up_to_the_last_step():
    generator = generators.hypernas(SPACE)
    found = cell(generator, steps=18, follow=True)
    steps = [row["step"] for row in found.trajectory if row["subnet"] == "small"]
    assert len(steps) == 3
    assert min(steps) > 9
    assert max(steps) == 18
    last = {row["subnet"]: row["value"] for row in found.trajectory if row["step"] == 18}
    again = evaluate(
        generator,
        DATA,
        SUBNETS,
        objective=CrossEntropy(),
        split="validation",
        calibration_batches=8,
    )
    assert last == {evaluation.label: evaluation.calibrated for evaluation in again}


@pytest.mark.parametrize("steps", [36, 37, 40, 41])
def test_checkpoints_are_as_far_apart_whatever_the_number_of_steps(steps):
    found = cell(steps=steps, follow=True)
    followed = [row["step"] for row in found.trajectory if row["subnet"] == "small"]
    apart = [after - before for before, after in itertools.pairwise(followed)]
    assert followed[-1] == steps
    assert len(followed) == 3
    assert apart[0] == steps // 6
    assert steps // 6 <= apart[1] < 2 * (steps // 6)


def test_a_cell_that_diverges_says_so_and_has_no_rows():
    found = cell(lr=1e30)
    assert found.diverged
    assert found.rows == []
    assert found.overhead > 0


def test_training_one_architecture_alone_as_a_cell_is_the_reference_of_its_seed():
    optimizer = functools.partial(torch.optim.AdamW, lr=0.01)
    training = Training(steps=12, batch_size=32)
    recipe = Recipe(training=training, objective=CrossEntropy(), optimizer=optimizer)
    references = References(SPACE, DATA, recipe, folder=None, device="cpu")
    for name, architecture in SUBNETS.items():
        found = cell(
            generators.Standalone(SPACE, seed=3), sampler=Fixed(architectures=[architecture])
        )
        rows = {row["subnet"]: row["inherited"] for row in found.rows}
        assert rows[name] == references(architecture, seed=3)["test"]


def test_a_cell_whose_subnets_nobody_teaches_is_refused():
    with pytest.raises(ValueError, match="draws no step that begins with it"):
        cell(sampler=Uniform(), objective=InPlaceDistillation())
