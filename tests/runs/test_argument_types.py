"""Types of settings, as annotations of what they are arguments of have them."""

import pytest

from hypernas.runs.argument_types import misfits

TRAINING = {"_target_": "hypernas.training.Training", "_convert_": "all"}
RECOMBINE = {"_target_": "hypernas.growth.Recombine"}


@pytest.mark.parametrize(
    ("call", "name", "value"),
    [
        (TRAINING, "steps", 3),
        (TRAINING, "max_grad_norm", 1),
        (TRAINING, "max_grad_norm", None),
        (TRAINING, "steps", "${other}"),
        (TRAINING, "steps", "???"),
        (TRAINING, "combine", 5),  # one of some words, which the class itself checks
        (TRAINING, "unknown", object()),
        (RECOMBINE, "average", True),
        (RECOMBINE, "average", ["head.*"]),
        ({"_target_": "mine.f"}, "steps", "many"),
        ({}, "steps", "many"),
    ],
)
def test_values_that_fit_or_cannot_be_judged_pass(call, name, value):
    assert not list(misfits({"a": {**call, name: value}}))


@pytest.mark.parametrize(
    ("call", "name", "value", "expected"),
    [
        (TRAINING, "steps", True, "a whole number, got True"),
        (TRAINING, "steps", 2.5, "a whole number, got 2.5"),
        (TRAINING, "steps", [1], "a whole number, got [1]"),
        (TRAINING, "max_grad_norm", "x", "a number or null, got 'x'"),
        (RECOMBINE, "average", 1, "true or false or text or a list, got 1"),
    ],
)
def test_values_of_another_type_are_named(call, name, value, expected):
    (told,) = misfits({"a": {"b": {**call, name: value}}})
    assert told == f"a.b.{name}: expected {expected}."
