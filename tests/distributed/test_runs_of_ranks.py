"""Several ranks train as one process does."""

import re
import shutil
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.testing import assert_close
from training_on_ranks import STRATEGY, blobs, first_half, made, second_half, trained

from hypernas.distributed import ProcessGroup
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Sandwich
from hypernas.schedules import Cosine
from hypernas.training import Diverged, Strategy, Task, Training, checkpoint
from hypernas.training.callbacks import Checkpoints


@pytest.mark.parametrize("name", ["hypernas", "few_shot", "cafenet", "standalone"])
def test_two_ranks_take_the_steps_of_one_process(pair, name):
    expected, heard, final = trained(ProcessGroup(), name, 8)
    (first, told, result), (second, untold, same) = pair(trained, name, 8)
    assert_close(first, expected, rtol=1e-6, atol=1e-9)
    assert_close(second, first, rtol=0, atol=0)  # to the bit
    assert_close(result, final, rtol=1e-6, atol=1e-9)
    assert same == result
    assert untold == []
    assert [place for place, _ in told] == [place for place, _ in heard]
    assert_close([v for _, v in told][1:], [v for _, v in heard][1:], rtol=1e-6, atol=1e-9)


def divided(ranks, folder, resume=False):
    """Parameters after 4 or 8 steps of a divided optimizer, and the elements of its state here."""
    made_here = []

    def adamw(groups, **options):
        made_here.append(torch.optim.AdamW(groups, **options))
        return made_here[-1]

    generator = made("hypernas").double()
    strategy = Strategy(
        sampler=Sandwich(num_random=1),
        optimizer=partial(adamw, lr=0.01, weight_decay=0.1),
        schedule=Cosine(warmup=0),
    )
    Training(steps=8 if resume else 4, batch_size=32, shard_optimizer=True).run(
        generator,
        Task(blobs(torch.float64), CrossEntropy()),
        strategy,
        callbacks=[Checkpoints(folder)],
        resume=folder if resume else None,
        device="cpu",
        ranks=ranks,
    )
    moments = [entry["exp_avg"] for entry in made_here[-1].state.values()]
    return dict(generator.named_parameters()), sum(moment.numel() for moment in moments)


def test_an_optimizer_divided_among_ranks_takes_the_same_steps_in_half_the_memory(pair, tmp_path):
    alone, two = tmp_path / "alone", tmp_path / "two"
    expected, whole = divided(ProcessGroup(), alone)
    (first, some), (second, others) = pair(divided, two)
    assert_close(first, expected, rtol=1e-6, atol=1e-9)
    assert_close(second, first, rtol=0, atol=0)
    assert some + others == whole
    assert 0.3 < some / whole < 0.7
    expected, _ = divided(ProcessGroup(), alone, True)
    assert_close(divided(ProcessGroup(), shutil.copytree(two, tmp_path / "1"), True)[0], expected)
    assert_close(pair(divided, shutil.copytree(two, tmp_path / "2"), True)[1][0], expected)


def test_an_optimizer_is_not_divided_where_parameters_come_to_life_later():
    with pytest.raises(ValueError, match=r"leave training\.shard_optimizer off"):
        Training(shard_optimizer=True).run(
            made("standalone"), Task(blobs(), CrossEntropy()), STRATEGY
        )


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (2, 2)])
def test_a_run_goes_on_with_any_number_of_ranks(pair, tmp_path, before, after):
    expected, _, _ = trained(ProcessGroup(), "hypernas", 8)
    run = {1: lambda f, *a: [f(ProcessGroup(), *a)], 2: pair}
    said = run[before](first_half, "hypernas", tmp_path)
    assert said == ["stopped after step 5 of 8"] * before
    assert checkpoint.newest(tmp_path).step == 5
    for found in run[after](second_half, "hypernas", tmp_path):
        assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_resuming_on_as_many_ranks_is_exact_to_the_bit_also_with_dropout_and_norms(pair, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    expected = pair(run_of_floats, 8, whole)
    pair(run_of_floats, 8, stopped)
    for folder in stopped.iterdir():
        if folder.name != "00000006":
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
    found = pair(run_of_floats, 8, stopped, True)
    assert_close(found, expected, rtol=0, atol=0)
    assert_close(found[0], found[1], rtol=0, atol=0)


def run_of_floats(ranks, steps, folder, resume=False):
    generator = made("dropout", "batch")
    Training(steps=steps, batch_size=32).run(
        generator,
        Task(blobs(), CrossEntropy()),
        STRATEGY,
        callbacks=[Checkpoints(folder, every=6)],
        resume=folder if resume else None,
        device="cpu",
        ranks=ranks,
    )
    return generator.state_dict()


class Poison(CrossEntropy):
    def loss(self, outputs, targets, teacher=None):
        return super().loss(outputs, targets) * float("nan")


def diverging(ranks):
    try:
        trained(ranks, "shared", 8, objective=Poison() if ranks.rank == 1 else CrossEntropy())
    except Diverged as error:
        return str(error)


def test_a_loss_that_diverges_on_one_rank_ends_all_with_the_same_words(pair):
    first, second = pair(diverging)
    assert first == second
    assert "diverged in step 1" in first


def test_what_an_optimizer_is_to_remember_is_not_divided():
    with pytest.raises(ValueError, match=r"leave training\.shard_optimizer off"):
        Training(shard_optimizer=True).run(
            made("shared"),
            Task(blobs(), CrossEntropy()),
            replace(STRATEGY, memory={}),
            ranks=ProcessGroup(0, 2),
        )


def unlike(ranks):
    generator = made("shared", seed=ranks.rank)
    try:
        ranks.check_alike(generator, {"seed": 0, "steps": 3 + ranks.rank})
    except ValueError as error:
        return str(error)


def test_ranks_that_begin_differently_are_refused_on_all_with_what_differs(pair):
    first, second = pair(unlike)
    assert first == second
    assert re.search(r"(?s)steps: \[3, 4\].*parameter bank", first)
    assert "seed: " not in first


def exchanged(ranks):
    return (
        [ranks.any(flag) for flag in (False, ranks.rank == 1, True)],
        ranks.all_gather({f"of rank {ranks.rank}": 3 + ranks.rank}),
        ranks.broadcast_object(f"of rank {ranks.rank}"),
    )


def test_small_things_are_the_same_on_all_ranks(pair):
    found = pair(exchanged)
    expected = ([False, True, True], {"of rank 0": 3, "of rank 1": 4}, "of rank 0")
    assert found == [expected, expected]
    assert exchanged(ProcessGroup()) == ([False, False, True], {"of rank 0": 3}, "of rank 0")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there may be GPUs enough")
def test_a_rank_without_a_gpu_of_its_own_is_told_so():
    with pytest.raises(ValueError, match=r"which has 0 GPUs.*--nproc-per-node"):
        ProcessGroup(1, 2, local=1).place(torch.device("cuda"))
    with pytest.raises(ValueError, match="say device=cuda"):
        ProcessGroup(1, 2, local=1).place(torch.device("cuda:0"))
