"""What the searches say: what is found within limits, and what is lost by limiting another cost."""

import statistics
from collections.abc import Callable
from functools import partial

import numpy as np
from pandas import DataFrame

from hypernas.evaluation import kendall_tau
from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, number, over_seeds, table, word

NUMBERS = ("seed", "quantile", "bound", "space", "allowed", "evaluations", "searches")
SHARES = ("validation", "regret", "best", "test")
COSTS = ("parameters", "flops", "latency")
UNITS = {"parameters": "", "flops": " FLOPs", "latency": " ms"}
OVER = "[95 % interval of Student's t over {} generators]"
WAYS = {"whole": "the whole front", "linas": "`linas`"}


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys((*NUMBERS, *SHARES), csv_file.finite))
    parts = [Part("found", "Within a limit", lambda: [found(rows)])]
    for arm in rows["arm"].unique():
        own = rows[rows["arm"] == arm]
        title = f"Every method, subnets of {arm}"
        parts.append(Part(f"methods_{arm}", title, partial(_both, own)))
    if path := study.beside("stand_ins.csv"):
        told = {
            **dict.fromkeys(("seed", "quantile", "validation", "test"), csv_file.finite),
            **dict.fromkeys(("points", "volume", "over", "excess"), csv_file.number),
        }
        instead = csv_file.read(path, told)
        parts += [
            Part("stand_ins", "Another cost in place of latency", lambda: [stand_ins(instead)]),
            Part("levels", "Another cost limited in place of latency", lambda: [levels(instead)]),
        ]
    costs = study.path.parent / "tables" / "costs.csv"
    if costs.is_file():
        measured = csv_file.read(costs, dict.fromkeys((*COSTS, "latency_again"), csv_file.finite))
        parts.append(Part("agreement", "How far costs agree", lambda: [agreement(measured)]))
    return Section(study.name, study.title, tuple(parts), lead=study.question)


def percent(rows: DataFrame, column: str) -> list[float]:
    """A column in percent, by seed."""
    return list(100 * rows.sort_values("seed")[column])


def limit(cost: str, bound: float) -> Cell:
    shown = f"{bound:.4f}" if cost == "latency" else f"{bound:,.0f}"
    return word(f"{cost} ≤ {shown}{UNITS[cost]}")


def found(rows: DataFrame) -> DataFrame:
    """A row for each limit and arm: of the default method, of random ones, and of the whole space."""
    lines = []
    for (arm, cost, bound), own in rows.groupby(["arm", "cost", "bound"], sort=False):
        by = {name: percent(some, "test") for name, some in own.groupby("method")}
        linas, best = by["linas"], by["exhaustive"]
        lines.append(
            {
                "limit": limit(str(cost), float(bound)),
                "allowed": number(own["allowed"].iloc[0], 0),
                "subnets of": word(str(arm), code=True),
                "best of all": over_seeds(best),
                "`linas`": over_seeds(linas),
                "best of all − `linas`": difference(best, linas),
                "`linas` − random": difference(linas, by["random"]),
                "`linas` − random, all allowed": difference(linas, by["random, all allowed"]),
            }
        )
    first = rows.iloc[0]
    caption = (
        f"Test accuracy in % of what was chosen on validation, with {first['evaluations']:.0f} of {first['space']:.0f} architectures "
        f"evaluated, means over {first['searches']:.0f} searches; differences in points, of the same generators "
        f"{OVER.format(rows['seed'].nunique())}."
    )
    return table(lines, caption)


def difference(one: list[float], other: list[float]) -> Cell:
    return over_seeds([a - b for a, b in zip(one, other, strict=True)], signed=True)


def _both(rows: DataFrame) -> list[DataFrame]:
    """Test accuracy, and regret on validation, of one arm."""
    over = OVER.format(rows["seed"].nunique())
    accuracy = by_method(rows, lambda own: over_seeds(percent(own, "test")))
    accuracy.attrs["caption"] = f"Test accuracy in % {over}."
    searched = rows[~rows["method"].isin(["exhaustive", "best on test"])]
    regret = by_method(searched, _regret)
    regret.attrs["caption"] = (
        f"Points of validation accuracy behind the best that is allowed {over}, and in how many of 100 searches "
        f"one as good was found."
    )
    return [accuracy, regret]


def _regret(own: DataFrame) -> Cell:
    cell = over_seeds(percent(own, "regret"))
    return Cell(f"{cell.text}, {100 * own['best'].mean():.0f}", cell.value)


def by_method(rows: DataFrame, cell: Callable[[DataFrame], Cell]) -> DataFrame:
    """A row a method, a column a limit."""
    lines = []
    for method, own in rows.groupby("method", sort=False):
        line = {"method": word(str(method), code=" " not in str(method))}
        for cost in COSTS:
            for quantile, some in own[own["cost"] == cost].groupby("quantile"):
                line[f"{cost}, {100 * float(str(quantile)):.0f} %"] = cell(some)
        lines.append(line)
    return table(lines)


def behind(rows: DataFrame, own: DataFrame, column: str, way: str) -> list[float]:
    """Points that are behind what telling latency leads to under the same limit, by seed."""
    key = {"arm": own["arm"].iloc[0], "quantile": own["quantile"].iloc[0], "way": way}
    told = rows[rows["told"] == "latency"]
    for name, value in key.items():
        told = told[told[name] == value]
    pairs = zip(percent(told, column), percent(own, column), strict=True)
    return [a - b for a, b in pairs]


def stand_ins(rows: DataFrame) -> DataFrame:
    """A row for each arm, way and cost: hypervolume, and what is lost under each limit."""
    lines = []
    fronts = rows[rows["way"] != "level"]
    for (arm, way, told), own in fronts.groupby(["arm", "way", "told"], sort=False):
        halves = list(own.groupby("quantile"))
        first = halves[0][1]
        line = {
            "subnets of": word(str(arm), code=True),
            "told": word(str(told)),
            "search": word(WAYS[str(way)]),
            "points": number(first["points"].mean(), 1),
            "hypervolume, %": over_seeds(percent(first, "volume"), 1),
        }
        if told == "latency":
            lost = dict.fromkeys(("hypervolume", *(name for name, _ in halves)), number(None))
        else:
            lost = {"hypervolume": over_seeds(behind(rows, first, "volume", way), 1, signed=True)}
            for quantile, some in halves:
                lost[quantile] = over_seeds(behind(rows, some, "test", way), signed=True)
        line |= {f"lost: {_named(name)}": cell for name, cell in lost.items()}
        lines.append(line)
    caption = (
        "A front of accuracy and the cost that is told is found, of the whole space or by a search; its points are measured, and the best on validation that meets the limit on latency "
        "is deployed. Hypervolume of accuracy on validation and latency in % of the true front's; lost: what is behind the same search told latency, in hypervolume and in points of test "
        f"accuracy under limits that a quarter and a half of the space meet {OVER.format(rows['seed'].nunique())}."
    )
    return table(lines, caption)


def _named(column: object) -> str:
    return str(column) if isinstance(column, str) else f"limit at {100 * float(str(column)):.0f} %"


def levels(rows: DataFrame) -> DataFrame:
    """A row for each arm, limit and cost: limits that are broken, and what is lost where they are kept."""
    lines = []
    limited = rows[(rows["way"] == "level") & (rows["told"] != "latency")]
    for (arm, told, quantile), own in limited.groupby(["arm", "told", "quantile"]):
        broken = own[own["over"] > 0]
        lines.append(
            {
                "subnets of": word(str(arm), code=True),
                "limited": word(str(told)),
                "allowed": word(f"{100 * float(str(quantile)):.0f} %"),
                "break the limit on latency": word(f"{len(broken)} of {len(own)}"),
                "by": number(100 * broken["excess"].mean(), 0) if len(broken) else word("–"),
                "lost": over_seeds(behind(rows, own, "test", "whole"), signed=True),
            }
        )
    caption = (
        "The best on validation among those that a limit on another cost allows, which is set such that it allows as much of the space as the limit on latency: "
        "of how many generators it breaks that limit, and by how many % on average; and the points of test accuracy that are lost where the best that keeps both is deployed "
        f"{OVER.format(rows['seed'].nunique())}."
    )
    return table(lines, caption)


def agreement(rows: DataFrame) -> DataFrame:
    """Kendall's tau of each cost with latency; in the caption, how far two measurements are apart."""
    latency = np.array(rows["latency"], dtype=float)
    lines = []
    for name in ("parameters", "flops", "latency_again"):
        values = np.array(rows[name], dtype=float)
        label = "latency, measured again" if name == "latency_again" else name
        lines.append(
            {
                "cost": word(label),
                "Kendall's tau with latency": number(float(kendall_tau(values, latency)), 3),
            }
        )
    again = np.array(rows["latency_again"], dtype=float)
    apart = 100 * statistics.median(np.abs(again / latency - 1))
    caption = (
        f"Over all {len(rows)} architectures; latencies are {latency.min():.4f} to {latency.max():.4f} ms, and of two measurements half are "
        f"less than {apart:.1f} % apart."
    )
    return table(lines, caption)
