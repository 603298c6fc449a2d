"""Ranks that divide a bank train as one process that has all of it."""

import json
import shutil
from functools import partial

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close
from training_on_ranks import (
    ADAMW,
    FACTORIES,
    Recorder,
    assert_same_gradient,
    blobs,
    first_half,
    gradients,
    made,
    second_half,
    trained,
)

from hypernas import checkpoint, generators
from hypernas.cost import delivery_bytes
from hypernas.generators import Generator
from hypernas.objectives import CrossEntropy
from hypernas.optimization import Groups
from hypernas.ranks import Alone, Copies, DividedBanks, Joined
from hypernas.ranks.stacks import stacks_of
from hypernas.sampling import Sandwich
from hypernas.training import Training
from hypernas.training.gradients import add_gradients

NAMES = ["shared", "mos_layer", "mos_neuron", "hypernas", "soft_sharing"]
CPU = torch.device("cpu")


def union(parts):
    """Gradients by name, of which each rank has some; those that several have are the same."""
    found = {}
    for part in parts:
        for name, gradient in part.items():
            if name in found:
                assert_close(gradient, found[name], rtol=0, atol=0)
            found[name] = gradient
    return found


# --- one process --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_one_rank_that_divides_its_bank_among_none_has_the_same_gradients(name):
    step = name, 2, "mean", True, "batch", torch.float32
    expected, loss = gradients(Alone(), *step, Copies)
    found, total = gradients(Alone(), *step, DividedBanks)
    assert_close(found, expected)
    assert_close(total, loss)


def test_what_a_loss_does_not_reach_has_no_gradient():
    generator = made("shared")
    storage = DividedBanks(generator, Alone())
    with storage.together([generator.space.largest()], [[0]]) as weights:
        weights[0]["head.bias"].sum().backward()
    reached = {name for name, p in generator.named_parameters() if p.grad is not None}
    assert reached == {"bank.stacks.head/bias"}


@pytest.mark.parametrize("num_ranks", [1, 2, 3, 7])
@pytest.mark.parametrize("name", NAMES)
def test_ranks_keep_about_as_much_as_each_other(name, num_ranks):
    stacks = stacks_of(made(name), num_ranks)
    kept = [0] * num_ranks
    for stack in stacks:
        kept[stack.rank] += stack.parameter.numel()
    assert min(kept) > 0
    largest = max(stack.parameter.numel() for stack in stacks)
    assert max(kept) - min(kept) <= largest


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ofa", "go through KernelTransforms"),
        ("cafenet", "go through FreeChannels"),
        ("few_shot", "FewShot is none"),
        ("mip_hypernetwork", "FullHypernetwork is none"),
        ("standalone", "Standalone is none"),
        ("ssn", "makes the stack of"),
    ],
)
def test_banks_that_cannot_be_divided_are_refused(name, why):
    factories = {**FACTORIES, "ssn": generators.ssn, "ofa": generators.ofa}
    generator = factories[name](made("shared").space)
    with pytest.raises(ValueError, match=rf"{why}.*leave training\.shard_banks off"):
        run(generator, Alone())


def run(generator: Generator, ranks, **options):
    return Training(steps=1, shard_banks=True).run(
        generator,
        blobs(),
        sampler=Sandwich(),
        objective=CrossEntropy(),
        optimizer=ADAMW,
        device="cpu",
        ranks=ranks,
        **options,
    )


def test_more_ranks_than_stacks_are_refused():
    with pytest.raises(ValueError, match=r"99 ranks cannot divide a bank of \d+ stacks"):
        run(made("shared"), Joined(0, 99))


def test_what_an_optimizer_is_to_remember_is_not_divided():
    with pytest.raises(ValueError, match=r"leave training\.shard_banks off"):
        run(made("shared"), Joined(0, 2), memory={})


def test_banks_and_optimizer_are_not_divided_in_two_ways_at_once():
    with pytest.raises(ValueError, match="shard_optimizer: expected False"):
        Training(shard_banks=True, shard_optimizer=True)


def test_an_optimizer_takes_back_only_what_it_moves(tmp_path):
    first_half(Alone(), "hypernas", tmp_path)
    generator = made("hypernas").double()
    state = checkpoint.load(checkpoint.newest(tmp_path), generator=generator)
    groups = Groups(generator, ADAMW)
    one = groups.parameters()[1]
    state.restore_optimizer(groups.optimizer, holds=lambda parameter: parameter is one)
    assert list(groups.optimizer.state) == [one]
    assert groups.optimizer.state[one]["exp_avg"].shape == one.shape


# --- gradients ----------------------------------------------------------------------------------


@pytest.mark.parametrize("num_random", [-1, 1, 2])  # one architecture, of which ranks split rows
@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_of_two_ranks_is_that_of_one_process(pair, name, num_random):
    step = name, num_random, "mean", True, "layer"
    for dtype, each, whole in ((torch.float32, 1e-5, 1e-6), (torch.float64, 1e-12, 1e-12)):
        expected, loss = gradients(Alone(), *step, dtype)
        parts, totals = zip(*pair(gradients, *step, dtype, DividedBanks), strict=True)
        assert_same_gradient(union(parts), expected, each=each, whole=whole)
        assert_close(list(totals), [loss, loss], rtol=1e-6, atol=0)


def of_depths(ranks, depths, kept):
    """Gradients by name, or None, of architectures of these depths."""
    generator = made("hypernas").double()
    rng = torch.Generator().manual_seed(2)
    drawn = [generator.space.sample(rng) for _ in range(100)]
    architectures = [next(a for a in drawn if a["depth"] == depth) for depth in depths]
    storage = kept(generator, ranks)
    storage.place(CPU)
    add_gradients(
        storage,
        architectures,
        tuple(tensor[:16] for tensor in blobs(torch.float64).train.tensors),
        CrossEntropy(),
        combine="mean",
        precision="float32",
    )
    return {n: p.grad for n, p in generator.named_parameters() if storage.holds(p)}


@pytest.mark.parametrize("depths", [(1, 2), (2, 1), (3, 1), (1, 1)])
def test_a_layer_that_one_rank_used_has_a_gradient_and_one_that_none_did_has_none(pair, depths):
    expected = of_depths(Alone(), depths, Copies)
    assert any(g is None for g in expected.values()) == (max(depths) < 3)
    found = union(pair(of_depths, depths, DividedBanks))
    assert {n for n, g in found.items() if g is None} == {
        n for n, g in expected.items() if g is None
    }
    assert_same_gradient(found, expected, each=1e-12, whole=1e-12)


def weights_of(ranks, trained):
    generator = made("dropout").double().train()
    storage = DividedBanks(generator, ranks)
    storage.place(CPU)
    torch.manual_seed(ranks.rank)
    rng = torch.Generator().manual_seed(3)
    every = [generator.space.largest(), generator.space.smallest()]
    with storage.together(every, trained, read=[0], rng=rng) as weights:
        return {i: {n: w.detach() for n, w in own.items()} for i, own in weights.items()}


def test_ranks_mix_with_one_draw_of_dropout(pair):
    expected = weights_of(Alone(), [[0, 1]])
    first, second = pair(weights_of, [[0], [1]])
    assert_close(first, {0: expected[0]})
    assert_close(second, {1: expected[1], 0: expected[0]})


# --- runs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_two_ranks_take_the_steps_of_one_process(pair, name):
    expected, heard, final = trained(Alone(), name, 8)  # distillation; norms are clipped at 1
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
        blobs(torch.float64),
        sampler=Sandwich(num_random=0),
        objective=CrossEntropy(),
        optimizer=partial(torch.optim.SGD, lr=1.0),
        monitors=[recorder],
        device="cpu",
        ranks=ranks,
    )
    norms = [values["gradient_norm"] for step, values in recorder.heard[1:5]]
    return norms, dict(generator.named_parameters())


def test_gradients_are_clipped_by_the_norm_of_all_of_them(pair):
    norms, expected = clipped(Alone(), False)
    (told, first), (_, second) = pair(clipped, True)
    assert min(norms) > 1e-2
    assert_close(told, norms)
    assert_close(first, expected, rtol=1e-9, atol=1e-12)
    assert_close(second, first, rtol=0, atol=0)


def stored(ranks):
    """Elements of parameters, gradients and moments on this rank, of all and of what is copied."""
    generator = made("hypernas")
    storage = DividedBanks(generator, ranks)
    copied = 4 * sum(p.numel() for p in generator.source.parameters())
    total = 4 * sum(p.numel() for p in generator.parameters())
    storage.place(CPU)
    optimizer = storage.maker(torch.optim.AdamW)(list(generator.parameters()))
    add_gradients(
        storage,
        [generator.space.largest(), generator.space.smallest()],
        tuple(tensor[:16] for tensor in blobs().train.tensors),
        CrossEntropy(),
        combine="mean",
        precision="float32",
    )
    optimizer.step()
    held = [*generator.parameters(), *(p.grad for p in generator.parameters())]
    held += [entry[key] for entry in optimizer.state.values() for key in ("exp_avg", "exp_avg_sq")]
    return sum(t.untyped_storage().nbytes() // 4 for t in held if t is not None), copied, total


def test_a_rank_stores_half_of_the_bank_its_gradient_and_the_moments(pair):
    for held, copied, total in pair(stored):
        assert held - copied == pytest.approx((total - copied) / 2, rel=0.05)


def sent(ranks):
    """Bytes that this rank sends to the other in a step in which each trains the largest subnet."""
    counts, swap = [], ranks.swap

    def counting(tensor, to, sizes):
        counts.append(to[1 - ranks.rank] * tensor.element_size())
        return swap(tensor, to, sizes)

    ranks.swap = counting
    generator = made("hypernas")
    storage = DividedBanks(generator, ranks)
    storage.place(CPU)
    add_gradients(
        storage,
        [generator.space.largest()] * 2,
        tuple(tensor[:16] for tensor in blobs().train.tensors),
        CrossEntropy(),
        combine="mean",
        precision="float32",
    )
    return sum(counts)


def test_ranks_send_the_weights_that_they_do_not_have_and_their_gradients(pair):
    weights = made("hypernas")(made("hypernas").space.largest())
    num = sum(weight.numel() for weight in weights.values())
    assert sum(pair(sent)) == 2 * delivery_bytes(num, num_ranks=2)


def files(folder):
    """What is in the newest checkpoint."""
    place = checkpoint.newest(folder).folder
    return load_file(place / "state.safetensors"), json.loads((place / "state.json").read_text())


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (2, 2)])
def test_a_checkpoint_is_the_same_and_a_run_goes_on_with_any_number_of_ranks(
    pair, tmp_path, before, after
):
    ranks = {1: lambda f, *a: [f(Alone(), *a)], 2: lambda f, *a: pair(f, *a, True)}
    plain, divided = tmp_path / "plain", tmp_path / "divided"
    first_half(Alone(), "hypernas", plain)
    said = ranks[before](first_half, "hypernas", divided)
    assert said == ["stopped after step 5 of 8"] * before
    (expected, record), (found, told) = files(plain), files(divided)
    del expected["rng.cpu"], found["rng.cpu"]  # each rank draws its own
    assert_close(found, expected, rtol=1e-6, atol=1e-9)
    assert told.pop("figures") == pytest.approx(record.pop("figures"))
    assert told == record
    whole = second_half(Alone(), "hypernas", shutil.copytree(plain, tmp_path / "copy"))
    for parameters in ranks[after](second_half, "hypernas", divided):
        assert_close(parameters, whole, rtol=1e-6, atol=1e-9)


def told(ranks):
    """A generator of which this rank has a part makes no weights, and says why."""
    generator = made("shared")
    DividedBanks(generator, ranks).place(CPU)
    try:
        generator(generator.space.largest())
    except RuntimeError as error:
        return str(error)


def test_a_part_of_a_generator_says_that_it_is_one(pair):
    for rank, words in enumerate(pair(told)):
        assert f"is mixed on rank {1 - rank} while ranks divide the bank" in words
