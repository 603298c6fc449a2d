"""What the runs say: each arm at its best rate, what each part changes, and a figure over rates."""

import statistics
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullLocator
from pandas import DataFrame

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.figure import Figure, canvas, of_arm
from hypernas.reports.style import Look, looks
from hypernas.reports.table import Cell, figure, number, spread, table, word

TARGET_LOSS = 1.5  # where shared weights (AdamW, rate 0.01, another seed) are at half the steps
WITHIN = 0.02  # of the best rate's accuracy: a rate that works
NUMBERS = ("lr", "steps_to_loss", "gradient_norm_cv", "accuracy", "diverged")


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.number))
    arms = looks(list(rows["arm"].unique()))
    drawn = Figure(
        "accuracy",
        "Validation accuracy against learning rate",
        "Mean of 12 subnets; points are means over 3 seeds, bars their lowest and highest; ×: a seed "
        "diverged.",
        partial(draw, rows, arms),
    )
    parts = (
        Part("best", "Each arm at its best rate", lambda: [best(rows)], (drawn,)),
        Part("changes", "What each part changes", lambda: [changes(rows)]),
    )
    return Section(study.name, study.title, parts, lead=study.question, looks=arms)


class Runs:
    """The rows of one arm under one optimizer."""

    def __init__(self, rows: DataFrame, arm: str, optimizer: str) -> None:
        self.rows = rows[(rows["arm"] == arm) & (rows["optimizer"] == optimizer)]
        self.rates = list(self.rows["lr"].unique())
        self.num_diverged = int(self.rows["diverged"].sum())
        lost = set(self.rows["lr"][self.rows["diverged"] > 0])
        self.whole = [lr for lr in self.rates if lr not in lost]
        means = {lr: statistics.fmean(self.values(lr, "accuracy")) for lr in self.whole}
        self.best = max(means, key=means.__getitem__)
        self.num_working = sum(mean >= means[self.best] - WITHIN for mean in means.values())

    def values(self, lr: float, name: str) -> list[float]:
        """Of each seed; those that are empty are left out."""
        return list(self.rows[name][self.rows["lr"] == lr].dropna())

    def percent(self, lr: float) -> list[float]:
        """The accuracy of each seed in %."""
        return [100 * value for value in self.values(lr, "accuracy")]

    def fastest(self) -> list[float]:
        """The steps of each seed to the loss, at the rate that gets there first in the mean."""
        found = [self.values(lr, "steps_to_loss") for lr in self.rates]
        return min(found, key=lambda steps: (-len(steps), statistics.fmean(steps or [0])))


def best(rows: DataFrame) -> DataFrame:
    """Each arm at the rate of its best accuracy, and how much the rate matters."""
    lines = []
    for optimizer in rows["optimizer"].unique():
        arms = {arm: Runs(rows, arm, optimizer) for arm in rows["arm"].unique()}
        common = set.intersection(*(set(runs.whole) for runs in arms.values()))
        plain = arms["plain"]
        for arm, runs in arms.items():
            lr, of = runs.best, int((runs.rows["lr"] == runs.best).sum())
            accuracy = runs.percent(lr)
            more = [a - b for a, b in zip(accuracy, plain.percent(plain.best), strict=True)]
            every = [v for rate in common for v in runs.values(rate, "gradient_norm_cv")]
            lines.append(
                {
                    "optimizer": word(optimizer),
                    "arm": word(arm, code=True),
                    "best rate": Cell(f"{lr:g}", lr),
                    "accuracy %": of_seeds(accuracy, 1, of=of),
                    "minus plain": number(None)
                    if arm == "plain"
                    else of_seeds(more, 1, of=of, signed=True),
                    f"least steps to loss {TARGET_LOSS}": of_seeds(runs.fastest(), 0, of=of),
                    "gradient norm CV": of_seeds(runs.values(lr, "gradient_norm_cv"), 2, of=of),
                    "median CV, common rates": number(statistics.median(every) if every else None),
                    "rates that work": word(f"{runs.num_working} of {len(runs.rates)}"),
                    "runs diverged": word(f"{runs.num_diverged} of {len(runs.rows)}"),
                }
            )
    return table(lines, "Mean over seeds [lowest, highest].")


def of_seeds(values: list[float], digits: int, *, of: int, signed: bool = False) -> Cell:
    """Mean [lowest, highest], or how many of the seeds have a value at all."""
    if len(values) < of:
        return word(f"{len(values)} of {of}")
    return spread(values, digits, signed=signed)


def changes(rows: DataFrame) -> DataFrame:
    """What each part changes at equal rates and seeds, averaged over rates."""
    lines = []
    for optimizer in rows["optimizer"].unique():
        runs = {arm: Runs(rows, arm, optimizer) for arm in rows["arm"].unique()}
        columns = {
            "accuracy, points": change(runs, "accuracy", 1, show=lambda x: 100 * x),
            "steps to loss": change(runs, "steps_to_loss", 0),
            "gradient norm CV": change(
                runs, "gradient_norm_cv", 2, read=np.log, show=np.exp, sign="× "
            ),
        }
        lines += [
            {"optimizer": word(optimizer), "change": word(name)}
            | {column: found[name] for column, found in columns.items()}
            for name in columns["steps to loss"]
        ]
    return table(lines, "At equal rates and seeds: mean over rates [lowest, highest seed].")


def change(
    runs: Mapping[str, Runs],
    measure: str,
    digits: int,
    *,
    read: Callable = np.asarray,
    show: Callable = np.asarray,
    sign: str = "",
) -> dict[str, Cell]:
    """Change -> mean [lowest, highest seed], over the rates where every run has the measure."""
    seeds = runs["plain"].rows["seed"].nunique()
    rates = [
        lr
        for lr in runs["plain"].rates
        if all(len(each.values(lr, measure)) == seeds for each in runs.values())
    ]
    a = {arm: read([each.values(lr, measure) for lr in rates]) for arm, each in runs.items()}
    found = {
        "encoding": (a["encoding"] - a["plain"] + a["mip"] - a["theta_0"]) / 2,
        "θ_0": (a["theta_0"] - a["plain"] + a["mip"] - a["encoding"]) / 2,
        "both: MIP": a["mip"] - a["plain"],
        "normalizing MIP's input": a["mip_normalized"] - a["mip"],
    }
    made = {}
    for name, by_rate in found.items():
        by_seed = by_rate.mean(0)
        mean, low, high = (
            figure(float(show(v)), digits, signed=not sign)
            for v in (by_seed.mean(), by_seed.min(), by_seed.max())
        )
        made[name] = Cell(
            f"{sign}{mean} [{low}, {high}], {len(rates)} rates", float(by_seed.mean())
        )
    return made


def draw(rows: DataFrame, arms: Mapping[str, Look], width: float) -> Canvas:
    """Accuracy against learning rate: the mean over seeds, with the lowest and the highest."""
    optimizers, wide = rows["optimizer"].unique(), width > 5
    drawing = canvas(width, 3.4 if wide else 5.6)
    shape = (1, len(optimizers)) if wide else (len(optimizers), 1)
    panels = drawing.subplots(*shape, sharey=True, squeeze=False).ravel()
    for axes, optimizer in zip(panels, optimizers, strict=True):
        for i, (arm, look) in enumerate(arms.items()):
            runs, shift = Runs(rows, arm, optimizer), 1.05 ** (i - 2)
            found = np.array([runs.percent(lr) for lr in runs.whole])  # shape: (rates, seeds)
            mean = found.mean(1)
            ends = np.stack([mean - found.min(1), found.max(1) - mean])
            at = [lr * shift for lr in runs.whole]
            line, _, bars = axes.errorbar(at, mean, ends, label=arm, **look.line())
            lost = [lr * shift for lr in runs.rates if lr not in runs.whole]
            crosses = axes.scatter(lost, [6 - i for _ in lost], marker="x", color=look.colour)
            of_arm(arm, line, *bars, crosses)
        axes.set(xscale="log", xlabel=f"learning rate, {optimizer}", ylim=(0, 52))
        axes.set_xticks(runs.rates, [f"{lr:g}" for lr in runs.rates])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylabel("validation accuracy (%)")
    handles, labels = panels[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=5 if wide else 2)
    return drawing
