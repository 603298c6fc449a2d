"""Several ranks train as one process does."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close
from two_ranks import Pair

from hypernas import checkpoint, generators
from hypernas.cli import main as command
from hypernas.data import Data, split_tensors
from hypernas.generators import running_statistics
from hypernas.interruption import Interrupted
from hypernas.monitors import Monitor
from hypernas.objectives import CrossEntropy, InPlaceDistillation
from hypernas.ranks import Alone, Joined, buckets, share
from hypernas.sampling import Sandwich
from hypernas.spaces import mlp
from hypernas.training import Diverged, Training

ADAMW = partial(torch.optim.AdamW, lr=0.01, weight_decay=0.1)
FACTORIES = {
    "shared": generators.shared,
    "hypernas": generators.hypernas,
    "balanced": partial(generators.mos_layer, balance=0.5, dropout=0.0),
    "few_shot": partial(generators.few_shot, num_groups=3),
    "mip_hypernetwork": generators.mip_hypernetwork,
    "cafenet": generators.cafenet,
    "standalone": generators.Standalone,
    "dropout": partial(generators.mos_neuron, dropout=0.5),
}
WITHOUT_DROPOUT = [name for name in FACTORIES if name != "dropout"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    ranks = Pair(tmp_path_factory.mktemp("ranks"))
    yield ranks
    ranks.close()


def blobs(dtype=torch.float32) -> Data:
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 3
    centres = torch.tensor([[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]])
    inputs = (centres[labels] + torch.randn(240, 2, generator=rng)).to(dtype)
    parts = split_tensors(inputs, labels, (160, 40, 40), seed=0)
    return Data("blobs", *parts, input_shape=(2,), num_classes=3)


def made(name, norm="layer", **options):
    space = mlp(input_shape=(2,), num_classes=3, depths=(1, 2, 3), widths=(8, 12, 16), norm=norm)
    return FACTORIES[name](space, **options)


# --- who trains what ----------------------------------------------------------------------------


@pytest.mark.parametrize("num", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 16])
def test_every_architecture_is_trained_on_every_row_by_exactly_one_rank(num, size):
    seen = torch.zeros(num, 10)
    for rank in range(size):
        own = share(rank, size, num, 10)
        seen[list(own.positions), own.start : own.stop] += 1
        assert own.weight == (own.stop - own.start) / 10
    assert_close(seen, torch.ones(num, 10))


def test_ranks_have_as_many_architectures_as_each_other_or_one_more():
    counts = [len(share(rank, 3, 7, 10).positions) for rank in range(3)]
    assert sorted(counts) == [2, 2, 3]


def test_of_a_sandwich_one_rank_trains_the_bounds_and_the_other_those_between():
    assert [share(rank, 2, 4, 10).positions for rank in range(2)] == [(0, 3), (1, 2)]


def test_batches_that_are_not_to_be_split_leave_ranks_idle():
    shares = [share(rank, 4, 2, 10, split=False) for rank in range(4)]
    assert [s.positions for s in shares] == [(0,), (1,), (), ()]


# --- gradients ----------------------------------------------------------------------------------


def gradients(ranks, name, num_random, combine, distils, norm="layer", dtype=torch.float32):
    """Name -> gradient or None, and the loss, of a step of num_random + 2 architectures, or of 1."""
    generator = made(name, norm).to(dtype).train()
    rng = torch.Generator().manual_seed(1)
    architectures = Sandwich(num_random=max(num_random, 0))(generator.space, rng)
    if num_random < 0:
        architectures = architectures[:1]
    inputs, targets = (tensor[:33] for tensor in blobs(dtype).train.tensors)
    objective = InPlaceDistillation(weight=0.7, temperature=2.0) if distils else CrossEntropy()
    training = Training(combine=combine)
    loss = training.backward(generator, architectures, (inputs, targets), objective, rng, ranks)
    return {n: p.grad for n, p in generator.named_parameters()}, loss


def assert_same_gradient(found, expected, *, each, whole):
    """Relative errors in norm, of each parameter's gradient and of all together, stay below these."""
    assert {n: g is None for n, g in found.items()} == {n: g is None for n, g in expected.items()}
    pairs = [(found[n].flatten(), g.flatten()) for n, g in expected.items() if g is not None]
    for got, right in [*pairs, tuple(torch.cat(column) for column in zip(*pairs, strict=True))]:
        limit = whole if len(right) > max(len(g) for _, g in pairs) else each
        assert (got - right).norm() <= limit * right.norm()


@pytest.mark.parametrize("combine", ["mean", "sum"])
@pytest.mark.parametrize("num_random", [-1, 1, 2])  # one architecture, of which ranks split rows
@pytest.mark.parametrize("name", WITHOUT_DROPOUT)
def test_the_gradient_of_two_ranks_is_that_of_one_process(pair, name, num_random, combine):
    step = name, num_random, combine, True, "layer"
    for dtype, each, whole in (
        (torch.float32, 1e-5, 1e-6),  # gradients that nearly cancel have fewer digits
        (torch.float64, 1e-12, 1e-12),
    ):
        expected, loss = gradients(Alone(), *step, dtype)
        for found, total in pair(gradients, *step, dtype):
            assert_same_gradient(found, expected, each=each, whole=whole)
            assert_close(total, loss, rtol=1e-6, atol=0)


def test_batch_norms_see_whole_batches_so_the_gradient_is_that_of_one_process(pair):
    expected, _ = gradients(Alone(), "hypernas", 2, "mean", True, "batch")
    for found, _ in pair(gradients, "hypernas", 2, "mean", True, "batch"):
        assert_same_gradient(found, expected, each=1e-5, whole=1e-6)


def test_what_no_rank_used_has_no_gradient_and_what_one_used_has_it_on_both(pair):
    expected, _ = gradients(Alone(), "few_shot", 0, "mean", False)
    unused = {name for name, g in expected.items() if g is None}
    assert unused
    for found, _ in pair(gradients, "few_shot", 0, "mean", False):
        assert {name for name, g in found.items() if g is None} == unused


def added(ranks, size):
    usual, buckets._ELEMENTS = buckets._ELEMENTS, size
    tensors = [
        torch.arange(5.0),
        torch.ones(()),
        torch.arange(40.0).view(5, 8).T,  # not contiguous
        torch.arange(60.0),
        torch.arange(3.0, dtype=torch.float64),
        torch.zeros(0),
    ]
    tensors = [tensor * (ranks.rank + 1) for tensor in tensors]
    buckets.add_up(tensors)
    buckets._ELEMENTS = usual
    return tensors


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_tensors_add_up_alike_whatever_the_size_of_buckets(pair, size):
    for found in pair(added, size):
        expected = [
            torch.arange(5.0),
            torch.ones(()),
            torch.arange(40.0).view(5, 8).T,
            torch.arange(60.0),
            torch.arange(3.0, dtype=torch.float64),
            torch.zeros(0),
        ]
        assert_close(found, [3 * tensor for tensor in expected])


# --- running statistics -------------------------------------------------------------------------


def third(statistic):
    return 1 / 3 if statistic.is_floating_point() else 0


def statistics(ranks, dtype):
    generator = made("shared", "batch").to(dtype)
    before = ranks.remember(generator, [])
    for i, statistic in enumerate(running_statistics(generator)):
        flat = statistic.view(-1)
        flat[: len(flat) // 2 + 1] += 2 + i  # both ranks
        if ranks.rank == 1:
            flat += 6 + third(statistic)  # one
    ranks.exchange(generator, torch.zeros(()), before)
    now = running_statistics(generator)
    return [n - b for n, b in zip(now, before, strict=True)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_statistic_changes_by_the_mean_over_the_ranks_that_changed_it(pair, dtype):
    first, second = pair(statistics, dtype)
    assert_close(first, second, rtol=0, atol=0)
    digits = 5 if dtype == torch.float32 else 14
    for i, change in enumerate(first):
        expected = torch.full_like(change, 6 + third(change))
        expected.view(-1)[: change.numel() // 2 + 1] = 2 + i + 3 + third(change) / 2
        assert_close(change, expected, rtol=0, atol=10**-digits * 10)


# --- runs ---------------------------------------------------------------------------------------


class Recorder(Monitor):
    def __init__(self):
        self.heard = []

    def begin(self, *, step, steps):
        self.heard.append(("begin", step))

    def step(self, step, values):
        self.heard.append((step, dict(values)))

    def validation(self, step, subnets, generator):
        self.heard.append((step, {label: measures for label, (_, measures) in subnets.items()}))

    def end(self, final):
        self.heard.append(("end", dict(final)))


def trained(ranks, name, steps, folder=None, recorder=None, **options):
    """Parameters after training in double precision, what a monitor heard, and the result."""
    generator = made(name).double()
    recorder = recorder or Recorder()
    final = Training(
        steps=steps, batch_size=32, log_every=2, validate_every=4, checkpoint_every=3
    ).run(
        generator,
        blobs(torch.float64),
        sampler=Sandwich(num_random=1),
        objective=options.pop("objective", InPlaceDistillation()),
        optimizer=ADAMW,
        monitors=[recorder],
        folder=folder,
        device="cpu",
        ranks=ranks,
        **options,
    )
    return dict(generator.named_parameters()), recorder.heard, final


@pytest.mark.parametrize("name", ["hypernas", "few_shot", "cafenet", "standalone"])
def test_two_ranks_take_the_steps_of_one_process(pair, name):
    expected, heard, final = trained(Alone(), name, 8)
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
    training = Training(
        steps=8 if resume else 4, warmup=0, batch_size=32, num_validation=0, shard_optimizer=True
    )
    training.run(
        generator,
        blobs(torch.float64),
        sampler=Sandwich(num_random=1),
        objective=CrossEntropy(),
        optimizer=partial(adamw, lr=0.01, weight_decay=0.1),
        folder=folder,
        resume=resume,
        device="cpu",
        ranks=ranks,
    )
    moments = [entry["exp_avg"] for entry in made_here[-1].state.values()]
    return dict(generator.named_parameters()), sum(moment.numel() for moment in moments)


def test_an_optimizer_divided_among_ranks_takes_the_same_steps_in_half_the_memory(pair, tmp_path):
    alone, two = tmp_path / "alone", tmp_path / "two"
    expected, whole = divided(Alone(), alone)
    (first, some), (second, others) = pair(divided, two)
    assert_close(first, expected, rtol=1e-6, atol=1e-9)
    assert_close(second, first, rtol=0, atol=0)
    assert some + others == whole
    assert 0.3 < some / whole < 0.7
    expected, _ = divided(Alone(), alone, True)
    assert_close(divided(Alone(), shutil.copytree(two, tmp_path / "1"), True)[0], expected)
    assert_close(pair(divided, shutil.copytree(two, tmp_path / "2"), True)[1][0], expected)


def test_an_optimizer_is_not_divided_where_parameters_come_to_life_later():
    with pytest.raises(ValueError, match=r"leave training\.shard_optimizer off"):
        Training(shard_optimizer=True).run(
            made("standalone"),
            blobs(),
            sampler=Sandwich(),
            objective=CrossEntropy(),
            optimizer=ADAMW,
        )


class Asker(Recorder):
    def step(self, step, values):
        if step == 4:
            signal.raise_signal(signal.SIGTERM)


def first_half(ranks, name, folder):
    """Stop after 5 of 8 steps: only rank 0, which has monitors, hears the signal."""
    try:
        trained(ranks, name, 8, folder, recorder=Asker())
    except Interrupted as stop:
        return str(stop)


def second_half(ranks, name, folder):
    return trained(ranks, name, 8, folder, resume=True)[0]


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (2, 2)])
def test_a_run_goes_on_with_any_number_of_ranks(pair, tmp_path, before, after):
    expected, _, _ = trained(Alone(), "hypernas", 8)
    run = {1: lambda f, *a: [f(Alone(), *a)], 2: pair}
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
    training = Training(steps=steps, batch_size=32, checkpoint_every=6, validate_every=100)
    training.run(
        generator,
        blobs(),
        sampler=Sandwich(num_random=1),
        objective=CrossEntropy(),
        optimizer=ADAMW,
        folder=folder,
        resume=resume,
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
    assert "diverged by step 2" in first


def test_what_an_optimizer_is_to_remember_is_not_divided():
    with pytest.raises(ValueError, match=r"leave training\.shard_optimizer off"):
        Training(shard_optimizer=True).run(
            made("shared"),
            blobs(),
            sampler=Sandwich(),
            objective=CrossEntropy(),
            optimizer=ADAMW,
            ranks=Joined(0, 2),
            memory={},
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
        ranks.gather({label: label.upper() for label in ranks.own(["a", "b", "c"])}),
        ranks.from_first(f"of rank {ranks.rank}"),
    )


def test_small_things_are_the_same_on_all_ranks(pair):
    found = pair(exchanged)
    expected = ([False, True, True], {"a": "A", "b": "B", "c": "C"}, "of rank 0")
    assert found == [expected, expected]
    assert exchanged(Alone()) == ([False, False, True], expected[1], expected[2])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there may be GPUs enough")
def test_a_rank_without_a_gpu_of_its_own_is_told_so():
    with pytest.raises(ValueError, match=r"which has 0 GPUs.*--nproc-per-node"):
        Joined(1, 2, local=1).place(torch.device("cuda"))
    with pytest.raises(ValueError, match="say device=cuda"):
        Joined(1, 2, local=1).place(torch.device("cuda:0"))


# --- the command --------------------------------------------------------------------------------

OWN = """
import os
from hypernas.objectives import CrossEntropy


class Mortal(CrossEntropy):
    calls = 0

    def loss(self, outputs, targets, teacher=None):
        self.calls += 1
        if os.environ.get("RANK") == "1" and self.calls > 5:
            os._exit(7)
        return super().loss(outputs, targets, teacher)
"""
FAST = ["experiment=fast", "training.steps=6", "training.checkpoint_every=2", "device=cpu"]


def torchrun(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*launcher, "--nproc-per-node", "2", "-m", "hypernas.cli.main", *arguments]
    return process(command, folder)


def process(command: list[str], folder: Path, **variables: str) -> subprocess.Popen[str]:
    root = str(Path(__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", **variables}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["train", "--multirun"], "a sweep has one process"), (["evaluate"], "runs in one process")],
)
def test_what_ranks_cannot_do_together_is_refused(monkeypatch, capsys, arguments, words):
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["hypernas", *arguments])
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 2
    assert re.search(f"hypernas: rank 1: .*{words}", capsys.readouterr().err)


def test_ranks_that_are_told_different_things_are_refused_before_they_train(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    started = []
    for rank, rate in enumerate(("0.01", "0.5")):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", **address}
        arguments = ["train", *FAST, f"optimizer.lr={rate}", "hydra.run.dir=unlike"]
        command = [sys.executable, "-m", "hypernas.cli.main", *arguments]
        started.append(process(command, tmp_path, **own))
    for rank in started:
        _, error = rank.communicate(timeout=90)
        assert rank.returncode == 2
        assert "optimizer.lr: [0.01, 0.5]" in error
    assert not (tmp_path / "unlike").exists()


def test_a_rank_that_is_killed_ends_the_others_with_a_message(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    mortal = ["objective._target_=own.Mortal", "hydra.run.dir=killed"]
    launched = torchrun(tmp_path, "train", *FAST, *mortal)
    _, error = launched.communicate(timeout=90)
    assert launched.returncode != 0
    assert "hypernas: another rank ended" in error
    assert checkpoint.newest(tmp_path / "killed" / "checkpoints").step == 2


def test_the_command_trains_in_one_folder_and_saves_when_it_is_asked_to_stop(tmp_path):
    launched = torchrun(tmp_path, "train", *FAST, "training.steps=100000", "training.log_every=2")
    for _ in range(900):
        if list(tmp_path.glob("runs/**/checkpoints/00*")):
            break
        time.sleep(0.1)
    launched.send_signal(signal.SIGTERM)
    _, error = launched.communicate(timeout=60)
    (stopped,) = re.findall(r"hypernas: stopped after step (\d+) of 100000", error)
    (lines,) = tmp_path.rglob("metrics.jsonl")
    assert checkpoint.newest(lines.parent / "checkpoints").step == int(stopped)
    steps = [json.loads(line)["step"] for line in lines.read_text().splitlines()]
    assert len(set(steps)) == len(steps)  # one rank writes
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
