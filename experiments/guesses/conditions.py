"""Draws from a space of conditional choices, and what they train."""

import functools
import statistics
from collections import Counter

import torch
from verdicts import answer

from hypernas import SearchSpace, generators
from hypernas.data import digits
from hypernas.evaluation import evaluate
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform
from hypernas.sampling.uniform import Over
from hypernas.spaces import conv2d
from hypernas.training import Strategy, Task, Training

SEEDS, STEPS, DRAWS = 5, 120, 4000


def space() -> SearchSpace:
    data = digits()
    return conv2d(
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        widths=((4, 6, 8), (8, 12, 16)),
        depths=(1, 2, 3),
    )


def shares(over: Over) -> dict[int, float]:
    """How often each number of active choices is drawn."""
    sampler, own = Uniform(num=DRAWS, over=over), space()
    counts = Counter(len(a) for a in sampler(own, torch.Generator().manual_seed(0)))
    return {num: counts[num] / DRAWS for num in sorted(counts)}


def uniform():
    """By default, against all architectures: the space is small enough to be counted."""
    drawn = shares(Uniform().over)
    counts = Counter(len(a) for a in space().enumerate())
    true = {num: counts[num] / sum(counts.values()) for num in sorted(counts)}
    held = all(abs(drawn.get(num, 0) - share) <= 0.03 for num, share in true.items())
    return held, "; ".join(
        f"{num} active choices: {100 * drawn.get(num, 0):.1f} % drawn, {100 * share:.1f} % of architectures"
        for num, share in true.items()
    )


def accuracies(over: Over, seed: int) -> tuple[float, float]:
    """Calibrated validation accuracy (%) of four shallow and of four deep subnets, mean of each."""
    data = digits()
    own = space()
    generator = generators.shared(own, seed=seed)
    strategy = Strategy(
        sampler=Uniform(over=over),
        optimizer=functools.partial(torch.optim.AdamW, lr=0.005),
        seed=seed,
    )
    Training(steps=STEPS, batch_size=64).run(generator, Task(data, CrossEntropy()), strategy)
    rng = torch.Generator().manual_seed(7)
    every = sorted(own.enumerate(), key=len)
    few, many = len(every[0]), len(every[-1])
    found = []
    for wanted in (few, many):
        of_it = [a for a in every if len(a) == wanted]
        order = torch.randperm(len(of_it), generator=rng)[:4].tolist()
        judged = evaluate(
            generator,
            data,
            {str(i): of_it[i] for i in order},
            objective=CrossEntropy(),
            split="validation",
        )
        found.append(100 * statistics.mean(e.calibrated["accuracy"] for e in judged))
    return found[0], found[1]


def shallow():
    pairs = [(accuracies("choices", s), accuracies("architectures", s)) for s in range(SEEDS)]
    told = []
    gains = []
    for i, name in enumerate(("shallow", "deep")):
        own = [one[i] - other[i] for one, other in pairs]
        gains.append(statistics.mean(own))
        levels = [statistics.mean(p[k][i] for p in pairs) for k in (0, 1)]
        told.append(
            f"{name}: {levels[0]:.1f} by choices, {levels[1]:.1f} over architectures, difference {gains[-1]:+.2f} "
            f"[{min(own):+.2f}, {max(own):+.2f}]"
        )
    return gains[0] >= 0.5, "; ".join(told)


if __name__ == "__main__":
    answer({23: uniform, 24: shallow})
