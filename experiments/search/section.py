"""What the runs say: hypervolume by evaluations, regret by queries, proxies."""

import math
import statistics
from collections.abc import Sequence

from pandas import DataFrame

from hypernas.evaluation.estimate import estimate
from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, interval, over_seeds, table, word

SHARES = ("at_2.5", "at_5", "at_10")
QUERIES = ("at_10", "at_20", "at_30", "at_50", "at_75", "at_100")
FRONTS = (
    ("fronts", "Fronts", "results.csv"),
    ("tuning", "The table that defaults were tuned on", "tuning.csv"),
)
SETS = ("cifar10", "cifar100", "imagenet")


def section(study: Study) -> Section:
    folder = study.path.parent
    parts = [
        Part(name, title, lambda path=folder / file: [fronts(_read(path, SHARES))])
        for name, title, file in FRONTS
        if (folder / file).is_file()
    ]
    parts += [
        Part(
            f"cells_{name}",
            f"Cells, {name}",
            lambda name=name: [regret(_read(folder / f"cells_{name}.csv", QUERIES), name)],
        )
        for name in SETS
        if (folder / f"cells_{name}.csv").is_file()
    ]
    numbers = dict.fromkeys(("tau", "low", "high"), csv_file.finite)
    parts.append(
        Part(
            "proxies", "Proxies", lambda: [proxies(csv_file.read(folder / "proxies.csv", numbers))]
        )
    )
    return Section(study.name, study.title, tuple(parts), lead=study.question)


def _read(path, names: Sequence[str]) -> DataFrame:
    return csv_file.read(path, dict.fromkeys(("seed", *names), csv_file.finite))


def fronts(rows: DataFrame) -> DataFrame:
    """A row a method: the share of the true hypervolume, and evaluations to 0.98 of it."""
    lines = []
    for method, own in rows.groupby("method", sort=False):
        line = {"method": word(str(method), code=True)}
        for name in SHARES:
            line[f"{name.removeprefix('at_')} %"] = over_seeds(list(own[name]), 4)
        reached = sorted(needed(rows, str(method)))
        line["to 0.98"] = word(told(reached))
        line["of nsga2's"] = part(rows, str(method))
        lines.append(line)
    size, seeds = rows["size"].iloc[0], rows["seed"].nunique()
    return table(
        lines,
        f"Hypervolume of the front that was found in parts of the true one's, with so many of the {size} architectures evaluated: mean [95 % interval of "
        f"Student's t over {seeds} seeds]. To 0.98: evaluations, median over seeds [lowest, highest], – if not reached (within 10 % by linas and optuna, 50 % by others); and the mean in parts of nsga2's [95 % bootstrap interval over seeds].",
    )


def needed(rows: DataFrame, method: str) -> list[float]:
    """Evaluations to 0.98, by seed."""
    own = rows[rows["method"] == method].sort_values("seed")
    return [float(text) if text else math.inf for text in own["to_0.98"]]


def part(rows: DataFrame, method: str) -> Cell:
    """Mean evaluations to 0.98 in parts of those of NSGA-II, with an interval over seeds."""
    own, others = needed(rows, method), needed(rows, "nsga2")
    if not all(map(math.isfinite, [*own, *others])):
        return word("–")
    found = estimate(lambda a, b: a.mean(-1) / b.mean(-1), own, others)
    return interval(found.value, found.low, found.high, 2)


def told(reached: Sequence[float]) -> str:
    middle, low, high = statistics.median(reached), reached[0], reached[-1]
    plain = [f"{value:g}" if math.isfinite(value) else "–" for value in (middle, low, high)]
    return f"{plain[0]} [{plain[1]}, {plain[2]}]"


def regret(rows: DataFrame, name: str) -> DataFrame:
    lines = []
    for method, own in rows.groupby("method", sort=False):
        line = {"method": word(str(method), code=" " not in str(method))}
        for column in QUERIES:
            line[column.removeprefix("at_")] = over_seeds(list(own[column]), 2)
        lines.append(line)
    return table(
        lines,
        f"{name}: regret in points of validation accuracy after 12 epochs, by the number of different cells that were queried: mean [95 % interval of Student's t over "
        f"{rows['seed'].nunique()} seeds].",
    )


def proxies(rows: DataFrame) -> DataFrame:
    lines = []
    for (proxy, truth), own in rows.groupby(["proxy", "truth"], sort=False):
        line = {
            "proxy": word(str(proxy)),
            "of": word(str(truth)),
            "cells": word(", ".join(own["cells"].unique())),
        }
        for _, one in own.iterrows():
            line[str(one["set"])] = interval(one["tau"], one["low"], one["high"], 2, signed=False)
        lines.append(line)
    return table(lines, "Kendall's tau with validation accuracy [95 % interval over cells].")
