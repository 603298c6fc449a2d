"""ProcessGroup that divide a bank train, save and go on as one process that has all of it."""

import json
import shutil
from functools import partial

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close
from training_on_ranks import (
    ADAMW,
    Recorder,
    blobs,
    divisible,
    first_half,
    made,
    second_half,
    trained,
)

from hypernas.distributed import ProcessGroup
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Sandwich
from hypernas.training import Strategy, Task, Training, checkpoint
from hypernas.training.optimizer import Groups


@pytest.mark.parametrize("name", divisible())
def test_two_ranks_take_the_steps_of_one_process(pair, name):
    expected, heard, final = trained(
        ProcessGroup(), name, 8
    )  # distillation; norms are clipped at 1
    (first, told, result), (second, untold, same) = pair(trained, name, 8, None, None, True)
    assert_close(first, expected, rtol=1e-6, atol=1e-9)  # all of it, on both
    assert_close(second, first, rtol=0, atol=0)
    assert_close(result, final, rtol=1e-6, atol=1e-9)
    assert same == result
    assert untold == []
    assert [place for place, _ in told] == [place for place, _ in heard]
    assert_close([v for _, v in told][1:], [v for _, v in heard][1:], rtol=1e-6, atol=1e-9)


def clipped(ranks, shard_banks):
    """The norms of gradients that are far longer than allowed, and parameters after 4 steps."""
    generator, recorder = made("hypernas").double(), Recorder()
    Training(steps=4, batch_size=32, log_every=1, max_grad_norm=1e-3, shard_banks=shard_banks).run(
        generator,
        Task(blobs(torch.float64), CrossEntropy()),
        Strategy(sampler=Sandwich(num_random=0), optimizer=partial(torch.optim.SGD, lr=1.0)),
        callbacks=[recorder],
        device="cpu",
        ranks=ranks,
    )
    norms = [values["gradient_norm"] for step, values in recorder.heard[1:5]]
    return norms, dict(generator.named_parameters())


def test_gradients_are_clipped_by_the_norm_of_all_of_them(pair):
    norms, expected = clipped(ProcessGroup(), False)
    (told, first), (_, second) = pair(clipped, True)
    assert min(norms) > 1e-2
    assert_close(told, norms)
    assert_close(first, expected, rtol=1e-9, atol=1e-12)
    assert_close(second, first, rtol=0, atol=0)


def files(folder):
    """What is in the newest checkpoint."""
    place = checkpoint.newest(folder).folder
    return load_file(place / "state.safetensors"), json.loads((place / "state.json").read_text())


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (2, 2)])
def test_a_checkpoint_is_the_same_and_a_run_goes_on_with_any_number_of_ranks(
    pair, tmp_path, before, after
):
    ranks = {1: lambda f, *a: [f(ProcessGroup(), *a)], 2: lambda f, *a: pair(f, *a, True)}
    plain, divided = tmp_path / "plain", tmp_path / "divided"
    first_half(ProcessGroup(), "hypernas", plain)
    said = ranks[before](first_half, "hypernas", divided)
    assert said == ["stopped after step 5 of 8"] * before
    (expected, record), (found, told) = files(plain), files(divided)
    expected, found = (
        {name: t for name, t in tensors.items() if not name.startswith("rng.")}
        for tensors in (expected, found)  # each rank draws its own
    )
    assert_close(found, expected, rtol=1e-6, atol=1e-9)
    assert told.pop("figures") == pytest.approx(record.pop("figures"))
    assert told == record
    whole = second_half(ProcessGroup(), "hypernas", shutil.copytree(plain, tmp_path / "copy"))
    for parameters in ranks[after](second_half, "hypernas", divided):
        assert_close(parameters, whole, rtol=1e-6, atol=1e-9)


def test_an_optimizer_takes_back_only_what_it_moves(tmp_path):
    first_half(ProcessGroup(), "hypernas", tmp_path)
    generator = made("hypernas").double()
    state = checkpoint.load(checkpoint.newest(tmp_path), generator=generator)
    groups = Groups(generator, ADAMW)
    one = groups.parameters()[1]
    state.restore_optimizer(groups.optimizer, holds=lambda parameter: parameter is one)
    assert list(groups.optimizer.state) == [one]
    assert groups.optimizer.state[one]["exp_avg"].shape == one.shape
