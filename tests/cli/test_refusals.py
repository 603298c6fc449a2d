"""Settings that are unknown, or of a wrong type, are refused by name before anything is written."""

from pathlib import Path

import pytest

FAST = ["experiment=fast", "training.steps=4", "device=cpu"]


def refused(result: tuple[int, str, str]) -> str:
    status, _, error = result
    assert status == 2
    assert "Traceback" not in error
    assert not list(Path().iterdir())
    return error.removeprefix("hypernas: ")


@pytest.mark.parametrize(
    ("command", "given", "words"),
    [
        ("train", "+monitors.mine=1", "no setting monitors, expected one of"),
        ("train", "monitors=1", "no setting monitors, expected one of"),
        ("train", "+callback.mine._target_=x.y", "callback (did you mean callbacks?)"),
        ("train", "++sede=3", "no setting sede (did you mean seed?)"),
        ("train", "optimiser.lr=1", "optimiser (did you mean optimizer?)"),
        ("train", "training.stepz=5", "training.stepz (did you mean training.steps?)"),
        ("train", "+training.stepz=5", "training.stepz (did you mean training.steps?)"),
        ("train", "+generator.num_expert=5", "(did you mean generator.num_experts?)"),
        ("train", "+callbacks.validation.evry=5", "(did you mean callbacks.validation.every?)"),
        ("evaluate", "+subnet=5", "no setting subnet (did you mean subnets?)"),
        ("evaluate", "+recipe.step=5", "no setting recipe.step (did you mean recipe.steps?)"),
        ("export", "+achitecture=5", "(did you mean architecture?)"),
        ("grow", "+member=5", "no setting member (did you mean members?)"),
        ("grow", "+growth.nose=5", "no setting growth.nose (did you mean growth.noise?)"),
        ("study", "+arm=5", "no setting arm (did you mean arms?)"),
    ],
)
def test_an_unknown_setting_is_refused_with_the_nearest(run, command, given, words):
    message = refused(run(command, given))
    assert words in message
    assert "expected one of [" in message


@pytest.mark.parametrize(
    ("command", "given", "words"),
    [
        ("train", "training.steps=abc", "training.steps: expected a whole number, got 'abc'"),
        ("train", "training.steps=1.5", "training.steps: expected a whole number, got 1.5"),
        ("train", "training.steps=null", "training.steps: expected a whole number, got None"),
        ("train", "training.max_grad_norm=x", "max_grad_norm: expected a number or null, got 'x'"),
        ("train", "training.shard_banks=2", "training.shard_banks: expected true or false, got 2"),
        ("train", "optimizer.lr=fast", "optimizer.lr: expected a number or null, got 'fast'"),
        ("train", "seed=x", "seed: expected a whole number, got 'x'"),
        ("train", "seed=null", "seed: expected a whole number, got None"),
        ("train", "space.widths=5", "space.widths: expected a list, got 5"),
        ("train", "generator.num_experts=a", "generator.num_experts: expected a whole number"),
        ("train", "callbacks.console.every=x", "callbacks.console.every: expected a number"),
        ("train", "device=abacus", "device 'abacus' cannot be used"),
        ("evaluate", "subnets=some", "subnets: expected a whole number, got 'some'"),
        ("evaluate", "standalone=maybe", "standalone: expected true or false, got 'maybe'"),
        ("export", "overwrite=1", "overwrite: expected true or false, got 1"),
        ("grow", "growth.noise=x", "growth.noise: expected a number, got 'x'"),
        ("grow", "member_training.steps=x", "member_training.steps: expected a whole number"),
        ("study", "workers=x", "workers: expected a whole number, got 'x'"),
        ("study", "work=1.5", "work: expected a path, got 1.5; one of that name is given as work="),
        ("evaluate", "run=2024", "given as run=\"'2024'\""),
        ("finetune", "out=[a]", "out: expected a path, got ['a']"),
    ],
)
def test_a_value_of_a_wrong_type_names_its_setting(run, command, given, words):
    assert words in refused(run(command, given))


def test_all_that_is_wrong_is_told_at_once(run):
    message = refused(run("train", "seed=x", "+tag=1", "training.steps=abc"))
    assert message.count("expected") == 3


@pytest.mark.parametrize(
    "given",
    ["training.max_grad_norm=1", "training.max_grad_norm=null", "+optimizer.eps=1e-8", "seed=3"],
)
def test_values_that_fit_pass(run, given):
    assert run("train", *FAST, given)[0] == 0


@pytest.mark.parametrize("threads", ["abc", "0", "1.5", "true"])
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_threads_are_a_whole_number(run, command, threads):
    status, _, error = run(command, f"threads={threads}", *(["run=it"] * (command == "evaluate")))
    assert status == 2
    assert "threads: expected a whole number" in error
