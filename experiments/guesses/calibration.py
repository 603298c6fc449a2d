"""Calibration of batch norms: how many batches a subnet needs, and what ranking without it does.

A residual space on 10,000 images of Fashion-MNIST at 14 x 14, 200 steps of the sandwich rule; 16 subnets are judged on
2,000 images of the validation split.
"""

import functools
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from verdicts import answer

from hypernas import Architecture, generators
from hypernas.data import Data, fashion_mnist
from hypernas.evaluation import kendall_tau
from hypernas.generators import Generator
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Sandwich
from hypernas.spaces import resnet
from hypernas.training import Strategy, Task, Training

STEPS, SUBNETS, WITHIN = 200, 16, 0.002
COUNTS = (1, 2, 3, 4, 6, 8, 16, 32)  # batches that were tried


SIZES: Mapping[str, Any] = {"widths": [[4, 8], [8, 16]], "depths": [[1, 2], [1, 2]]}


@cache
def images() -> Data:
    data = fashion_mnist(num_train=10_000, num_validation=2_000, num_test=100)
    splits = [
        TensorDataset(nn.functional.avg_pool2d(x, 2), y)
        for x, y in (part.tensors for part in (data.train, data.validation, data.test))
    ]
    return Data("fashion_mnist_14", *splits, input_shape=(1, 14, 14), num_classes=10)


@cache
def trained() -> Generator:
    data = images()
    space = resnet(input_shape=data.input_shape, num_classes=data.num_classes, **SIZES)
    generator = generators.shared(space)
    strategy = Strategy(
        sampler=Sandwich(num_random=1),
        optimizer=functools.partial(torch.optim.AdamW, lr=0.005),
        seed=0,
    )
    Training(steps=STEPS, batch_size=64).run(generator, Task(data, CrossEntropy()), strategy)
    return generator.eval()


@cache
def subnets() -> list[Architecture]:
    """Subnets in order of their parameters."""
    space = trained().space
    rng = torch.Generator().manual_seed(1)
    found = list({str(a): a for a in (space.sample(rng) for _ in range(200))}.values())[:SUBNETS]
    return sorted(found, key=lambda a: sum(p.numel() for p in space.build(a).parameters()))


@torch.no_grad()
def accuracy(architecture: Architecture, statistics: Mapping[str, Tensor] | None) -> float:
    x, y = images().validation.tensors
    outputs = trained().call(architecture, x, statistics=statistics)
    return float((outputs.argmax(1) == y).float().mean())


def batches(size: int, num: int) -> list[Tensor]:
    x = images().train.tensors[0]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(2))
    return [x[order[i * size : (i + 1) * size]] for i in range(num)]


def averaged(architecture: Architecture, given: Sequence[Tensor]) -> Mapping[str, Tensor]:
    return trained().calibrate(architecture, given)


@torch.no_grad()
def running(architecture: Architecture, given: Sequence[Tensor]) -> Mapping[str, Tensor]:
    """Statistics as torch keeps them, with a momentum of 0.1, from a fresh start."""
    module = trained().export(architecture)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
            part.train()
    for x in given:
        module(x)
    return {n: b for n, b in module.named_buffers() if n.endswith(("running_mean", "running_var"))}


@cache
def truth(architecture: Architecture) -> float:
    """With statistics of 4,096 images."""
    return accuracy(architecture, averaged(architecture, batches(64, 64)))


@cache
def needed(way: Callable[..., Mapping[str, Tensor]], size: int) -> list[int]:
    """Batches from which on each subnet stays within 0.2 points of its own truth."""
    found = []
    for architecture in subnets():
        far = {
            num: abs(accuracy(architecture, way(architecture, batches(size, num))) - truth(architecture))
            for num in COUNTS
        }  # fmt: skip
        within = [num for num in COUNTS if all(far[n] <= WITHIN for n in COUNTS if n >= num)]
        found.append(within[0] if within else 2 * COUNTS[-1])
    return found


def told(values: Sequence[int]) -> str:
    return f"median {statistics.median(values):g}, lowest {min(values)}, highest {max(values)}"


def cumulative():
    own = needed(averaged, 64)
    return statistics.median(own) <= 4, told(own)


def momentum():
    own, other = needed(averaged, 64), needed(running, 64)
    held = statistics.median(other) >= 3 * statistics.median(own)
    return held, f"cumulative: {told(own)}; momentum: {told(other)} (over 32 counts as 64)"


def sizes():
    own = needed(averaged, 64)
    small, large = (statistics.median(half) for half in (own[:8], own[8:]))
    return abs(small - large) <= 1, f"smaller half {small:g}, larger half {large:g}"


def small_batches():
    own, other = needed(averaged, 64), needed(averaged, 16)
    held = statistics.median(other) >= 2 * statistics.median(own)
    return held, f"64: {told(own)}; 16: {told(other)}"


def inherited():
    """Ranks under the statistics that training itself kept of all subnets, and under those of the largest."""
    largest = averaged(trained().space.largest(), batches(64, 64))
    true = [truth(a) for a in subnets()]
    theirs = [accuracy(a, cut(largest, a)) for a in subnets()]
    kept = [accuracy(a, None) for a in subnets()]
    tau, own = kendall_tau(theirs, true), kendall_tau(kept, true)
    return tau < 0.5, (
        f"tau {tau:.2f} (of running averages over training {own:.2f}); mean accuracy {mean(true):.1f} calibrated, "
        f"{mean(theirs):.1f} with the largest's, {mean(kept):.1f} with running averages; spread {spread(true):.1f} points"
    )


def cut(largest: Mapping[str, Tensor], architecture: Architecture) -> Mapping[str, Tensor]:
    """The first entries of statistics, as many as a subnet has."""
    wanted = dict(trained().space.build(architecture).named_buffers())
    return {n: b[: len(wanted[n])] if b.dim() else b for n, b in largest.items() if n in wanted}


def mean(values: Sequence[float]) -> float:
    return 100 * statistics.mean(values)


def spread(values: Sequence[float]) -> float:
    return 100 * (max(values) - min(values))


if __name__ == "__main__":
    answer({12: cumulative, 13: momentum, 14: sizes, 15: small_batches, 16: inherited})
