"""Training on from inherited weights, beside training alone."""

import dataclasses
from functools import partial

import pytest
import torch
from torch.testing import assert_close
from training_runs import ADAMW, blobs, fit, short, space

from hypernas import generators
from hypernas.evaluation import Recipe, References
from hypernas.evaluation.inheritance import inheritance
from hypernas.evaluation.subnet_training import train_subnet
from hypernas.objectives import CrossEntropy

RECIPE = Recipe(training=short(6), objective=CrossEntropy(), optimizer=ADAMW, calibration_batches=2)
STILL = dataclasses.replace(RECIPE, optimizer=partial(torch.optim.SGD, lr=0.0))


@pytest.fixture(scope="module")
def trained():
    generator = generators.hypernas(space())
    fit(generator, callbacks=[])
    return generator.eval()


def found(generator, recipe=RECIPE, seeds=(0, 1)):
    architecture = generator.space.largest()
    options = {"alone": RECIPE, "seeds": seeds, "device": "cpu"}
    return inheritance(generator, blobs(), recipe, architecture, **options)


def test_fine_tuning_begins_at_the_inherited_weights(trained):
    largest = trained.space.largest()
    start = trained.export(largest).state_dict()
    options = {"seed": 3, "start": start, "device": "cpu"}
    network = train_subnet(trained.space, blobs(), STILL, largest, **options)
    assert_close(dict(network.eval()(largest)), dict(trained(largest)))
    own = found(trained, STILL)
    assert own.finetuned == (own.inherited, own.inherited)


def test_the_other_arm_is_stand_alone_training(trained):
    references = References(trained.space, blobs(), RECIPE, folder=None, device="cpu")
    expected = tuple(references(trained.space.largest(), seed=seed) for seed in (0, 1))
    assert found(trained).alone == expected


def test_what_inheriting_was_worth_is_told_by_seed_and_with_an_interval(trained):
    own = found(trained)
    rows = own.rows()
    assert [row["arm"] for row in rows] == ["inherited", *["finetuned"] * 2, *["alone"] * 2]
    gains = [
        100 * (a["test"]["accuracy"] - b["test"]["accuracy"])
        for a, b in zip(own.finetuned, own.alone, strict=True)
    ]
    told = own.text().splitlines()[-1]
    mean = sum(gains) / 2
    around = 12.7062 * abs(gains[0] - gains[1]) / 2
    assert told.split("worth")[1].split() == [
        f"{mean:.2f}", f"[{mean - around:.2f},", f"{mean + around:.2f}]", "points",
    ]  # fmt: skip


def test_a_generator_with_a_condition_is_refused():
    with pytest.raises(ValueError, match="reads 1 numbers beside the architecture"):
        found(generators.hypernas(space(), condition_dim=1))


def test_data_without_a_validation_split_are_refused_before_anything_is_trained(trained):
    none = dataclasses.replace(blobs(), validation=None)
    largest, nothing = trained.space.largest(), partial(pytest.fail, "trained")
    with pytest.raises(ValueError, match="no validation split"):
        inheritance(trained, none, RECIPE, largest, alone=RECIPE, seeds=[0], track=nothing)
    with pytest.raises(ValueError, match="no validation split"):
        References(trained.space, none, RECIPE, folder=None)
