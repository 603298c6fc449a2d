"""What does a step of each strategy cost, and what does each architecture that it trains?

    python experiments/strategies_cost/run.py                  all; a few minutes; writes results.csv
    python experiments/strategies_cost/run.py --only members   the families of SortedNet alone; the other rows stay
    python experiments/strategies_cost/run.py --quick          one round of everything; writes nothing

Strategies take turns round by round in one process with one thread. See README.md.
"""

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir

from hypernas import generators
from hypernas.cli.plain import plain
from hypernas.data import digits
from hypernas.evaluation import write_csv
from hypernas.events import Event, Stepped
from hypernas.objectives import CrossEntropy
from hypernas.reports.ratios import row
from hypernas.runs.assembly import assemble, strategy_of, training_of
from hypernas.runs.config_files import configs
from hypernas.sampling import Nested
from hypernas.spaces import mlp
from hypernas.training import Strategy, Task, Training, train_steps

RESULTS = Path(__file__).parent / "results.csv"
MEASURES = ("strategies", "members")
FIRST = "uniform"  # what all are measured against
STRATEGIES = {  # arm -> overrides of `hypernas train`
    FIRST: ["sampling=uniform"],
    "sandwich": ["sampling=sandwich"],
    **{
        name: [f"experiment={name}"]
        for name in (
            *("bignas", "fairnas", "attentive_nas", "alphanet", "deps", "progressive_shrinking"),
            *("once_for_all", "compofa", "sortednet", "sortednet_finetuning", "pada", "shiftnas"),
            *("cafenet", "reduced_sharing"),
        )
    },
}
OF_ONE_GENERATOR = ("cafenet", "reduced_sharing")  # which they bring along
FAMILIES = (10, 40, 160)  # members of SortedNet's
ROUNDS = 11
WARMUP, MEMBER_WARMUP = (
    1,
    10,
)  # rounds before; by ten of them 99 % of 160 members were drawn, and so built
STEPS, MEMBER_STEPS = 4, 20  # a round

Row = dict[str, str | int | float]
Spent = tuple[float, int]  # seconds of the processor, and architectures trained in them


def main() -> None:
    parser = argparse.ArgumentParser(description="Costs of a step of each strategy")
    parser.add_argument("--only", default=",".join(MEASURES), help="measures, by commas")
    parser.add_argument("--quick", action="store_true", help="few rounds; writes nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rounds = 2 if arguments.quick else ROUNDS
    rows: list[Row] = []
    for measure in arguments.only.split(","):
        rows += {"strategies": strategies, "members": members}[measure](rounds)
    if arguments.quick:
        return
    replaced = {row["measure"] for row in rows}
    if RESULTS.exists():
        with RESULTS.open() as file:
            rows = [row for row in csv.DictReader(file) if row["measure"] not in replaced] + rows
    write_csv(RESULTS, rows)


def strategies(rounds: int) -> list[Row]:
    """Steps of every strategy over those of uniform sampling, whole and per trained architecture."""
    found = []
    for generator in ("shared", "hypernas"):
        arms = {
            name: overrides
            for name, overrides in STRATEGIES.items()
            if generator == "shared" or name not in OF_ONE_GENERATOR
        }
        runs = {name: configured(own, generator, rounds) for name, own in arms.items()}
        spent = in_turns(runs, rounds, STEPS, WARMUP)
        for measure, cost in (("step", whole), ("trained_architecture", per_architecture)):
            base = [cost(one) for one in spent[FIRST]]
            found += [
                told(
                    f"{measure}_over_uniform",
                    name,
                    generator,
                    [cost(one) / first for one, first in zip(own, base, strict=True)],
                )
                for name, own in spent.items()
                if name != FIRST
            ]
    return found


def configured(overrides: list[str], generator: str, rounds: int) -> Iterator[Event]:
    """The steps of digits and 324 networks by a strategy, that has begun; of a run as long as is measured, phases too."""
    steps = (rounds + WARMUP) * STEPS
    given = [*overrides, "space.expansions=[1]", f"training.steps={steps}", "device=cpu"]
    if overrides[0].removeprefix("experiment=") not in OF_ONE_GENERATOR:
        given.append(f"generator={generator}")
    with initialize_config_dir(str(configs()), version_base="1.3"):
        settings = plain(compose("train", overrides=given))
    parts = assemble(settings)
    return train_steps(
        training_of(settings).begin(
            parts.generator, parts.task, strategy_of(settings, parts), device="cpu"
        )
    )


def members(rounds: int) -> list[Row]:
    """Steps of SortedNet with families of several sizes over those with the smallest, round by round."""
    space = mlp(
        input_shape=(1, 8, 8), num_classes=10, depths=(2,), widths=range(64, 705, 8)
    )  # 161 architectures from the smallest to the largest
    found = []
    for name in ("shared", "hypernas"):
        runs = {
            f"{num} members": train_steps(
                Training(steps=(rounds + MEMBER_WARMUP) * MEMBER_STEPS, batch_size=64).begin(
                    getattr(generators, name)(space),
                    Task(digits(), CrossEntropy()),
                    Strategy(
                        sampler=Nested(members=num, num=4, divide=True),
                        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=0.003),
                    ),
                    device="cpu",
                )
            )
            for num in FAMILIES
        }
        spent = in_turns(runs, rounds, MEMBER_STEPS, MEMBER_WARMUP)
        first, *others = spent
        for arm in others:
            pairs = zip(spent[arm], spent[first], strict=True)
            ratios = [whole(own) / whole(base) for own, base in pairs]
            found.append(told("step_over_10_members", arm, name, ratios))
    return found


def in_turns(
    runs: dict[str, Iterator[Event]], rounds: int, steps: int, warmup: int
) -> dict[str, list[Spent]]:
    """What each run spends on so many steps, round by round, forth and back in turn."""
    spent: dict[str, list[Spent]] = {name: [] for name in runs}
    for i in range(warmup + rounds):
        for name in list(runs) if i % 2 else list(runs)[::-1]:
            once = timed(runs[name], steps)
            if not i:
                print(
                    f"{name}: {once[0]:.1f} s for {steps} steps with what is prepared", flush=True
                )
            if i >= warmup:
                spent[name].append(once)
    return spent


def timed(run: Iterator[Event], steps: int) -> Spent:
    started, trained = time.process_time(), 0
    while steps:
        event = next(run)
        if isinstance(event, Stepped):
            trained, steps = trained + len(event.architectures), steps - 1
    return time.process_time() - started, trained


def whole(spent: Spent) -> float:
    return spent[0]


def per_architecture(spent: Spent) -> float:
    return spent[0] / spent[1]


def told(measure: str, target: str, arm: str, ratios: list[float]) -> Row:
    """The row of ratios, printed."""
    found = row(measure, target, arm, ratios)
    print(*found.values(), flush=True)
    return found


if __name__ == "__main__":
    main()
