"""SortedNet: what does a step cost as a family grows, and how much of a small member's draft does the large one take?

    python experiments/sortednet/run.py                   both; a minute, and several; writes results.csv
    python experiments/sortednet/run.py --only steps      the step alone; the other rows stay
    python experiments/sortednet/run.py --only drafts --text FOLDER

Arms of the step take turns in one process with one thread. See README.md.
"""

import argparse
import csv
import functools
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from hypernas import SearchSpace, generators
from hypernas.data import digits, tiny_shakespeare
from hypernas.decoding import speculate
from hypernas.evaluation import write_csv
from hypernas.objectives import CrossEntropy
from hypernas.reports.ratios import row
from hypernas.sampling import Nested
from hypernas.spaces import mlp, transformer_lm
from hypernas.training import Strategy, Task, Training, train_steps

RESULTS = Path(__file__).parent / "results.csv"
MEASURES = ("steps", "drafts")
FAMILIES = (10, 40, 160)  # members
ROUNDS, WARMUP, STEPS = 15, 3, 40  # of the clock, and steps a round
DRAWN = 4  # members a step, each on its part of the batch
ADAMW = functools.partial(torch.optim.AdamW, lr=0.003)
PROMPT, CONTINUED, NUM_PROMPTS, SEEDS = 16, 32, 16, (0, 1)
LENGTH = 1600  # steps of a training on text

Row = dict[str, str | int | float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(MEASURES), help="measures, by commas")
    parser.add_argument("--text", default=None, help="folder of tiny Shakespeare's input.txt")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    torch.set_num_threads(1)
    rows: list[Row] = []
    if "steps" in wanted:
        rows += steps()
    if "drafts" in wanted:
        rows += drafts(arguments.text)
    replaced = {row["measure"] for row in rows}
    if RESULTS.exists():
        with RESULTS.open() as file:
            rows = [row for row in csv.DictReader(file) if row["measure"] not in replaced] + rows
    write_csv(RESULTS, rows)


def told(measure: str, target: str, arm: str, ratios: list[float]) -> Row:
    """The row of ratios, printed."""
    found = row(measure, target, arm, ratios)
    print(*found.values(), flush=True)
    return found


def steps() -> list[Row]:
    """Steps with families of several sizes over those with the smallest, round by round."""
    space = mlp(
        input_shape=(1, 8, 8), num_classes=10, depths=(2,), widths=range(64, 705, 8)
    )  # 161 architectures from the smallest to the largest
    found = []
    for name in ("shared", "hypernas"):
        runs = {members: begun(space, name, members) for members in FAMILIES}
        times: dict[int, list[float]] = {members: [] for members in FAMILIES}
        for i in range(ROUNDS + WARMUP):
            for members in FAMILIES if i % 2 else FAMILIES[::-1]:
                started = time.process_time()
                for _ in range(STEPS):
                    next(runs[members])
                if i >= WARMUP:
                    times[members].append(time.process_time() - started)
        first = times[FAMILIES[0]]
        for members in FAMILIES[1:]:
            ratios = [own / base for own, base in zip(times[members], first, strict=True)]
            found.append(told("step_over_that_of_10_members", name, f"{members} members", ratios))
    return found


def begun(space: SearchSpace, name: str, members: int) -> Iterator[object]:
    """The steps of a training that has begun."""
    return train_steps(
        Training(steps=(ROUNDS + WARMUP) * STEPS + 1, batch_size=64).begin(
            getattr(generators, name)(space),
            Task(digits(), CrossEntropy()),
            Strategy(sampler=Nested(members=members, num=DRAWN, divide=True), optimizer=ADAMW),
            device="cpu",
        )
    )


def drafts(root: str | None) -> list[Row]:
    """Accepted shares of drafts of each member for the largest, and its passes a token, by prompt of the test split."""
    data = tiny_shakespeare(root=root, context=PROMPT + CONTINUED)
    sampler = Nested(members=4, num=DRAWN, divide=True)
    accepted: dict[str, list[float]] = {}
    passes: dict[str, list[float]] = {}
    for seed in SEEDS:
        space = transformer_lm(
            input_shape=data.input_shape,
            num_classes=data.num_classes,
            depths=(1, 2, 3),
            embed_dims=(32, 48, 64),
            heads=(1, 2),
        )
        generator = generators.shared(space, seed=seed)
        Training(steps=LENGTH, batch_size=16).run(
            generator,
            Task(data, CrossEntropy(label_smoothing=0.0)),
            Strategy(sampler=sampler, optimizer=ADAMW, seed=seed),
            device="cpu",
        )
        family = [generator.export(member) for member in sampler.family(space)]
        for place, draft in enumerate(family[:-1]):
            arm = f"member {place + 1} of {len(family)}"
            for prompt in prompts(data, seed):
                found = speculate(draft, family[-1], prompt, CONTINUED)
                accepted.setdefault(arm, []).append(found.acceptance)
                passes.setdefault(arm, []).append(found.num_passes / CONTINUED)
        print(f"seed {seed}: parameters {[count(member) for member in family]}", flush=True)
    return [
        *(told("accepted_share", "transformer_lm", arm, own) for arm, own in accepted.items()),
        *(told("passes_a_token", "transformer_lm", arm, own) for arm, own in passes.items()),
    ]


def prompts(data, seed: int) -> list[torch.Tensor]:  # each of shape: (PROMPT,)
    """The beginnings of random test examples."""
    rng = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(data.test), (NUM_PROMPTS,), generator=rng)
    return [data.test[i][0][:PROMPT] for i in chosen.tolist()]


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


if __name__ == "__main__":
    main()
