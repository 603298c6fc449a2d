"""What the fits say: errors of each model, and those of ours over those of HAT's network."""

import statistics

from pandas import DataFrame

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, interval, number, spread, table, word

NUMBERS = ("order", "points", "seed", "mape", "tau")
OF_DEVICE = (
    *("points", "held_out", "median_ms", "twice", "mape", "mape_low", "mape_high"),
    *("mape_of_second", "tau", "tau_low", "tau_high"),
)
ARMS = {  # label -> arm, and whether it was told the order
    "decoder layers alone": ("layers", 0),
    "HAT's network": ("hat", 0),
    "ridge": ("ridge", 0),
    "trees": ("trees", 0),
    "best": ("best", 0),
    "ridge, order": ("ridge", 1),
    "trees, order": ("trees", 1),
    "best, order": ("best", 1),
}
HAT = "HAT's network"


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.finite))
    parts = [
        Part("errors", "Errors of each model", lambda: [errors(rows)]),
        Part("ratios", "Errors over those of HAT's network", lambda: [ratios(rows)]),
    ]
    if path := study.beside("device.csv"):
        own = csv_file.read(path, dict.fromkeys(OF_DEVICE, csv_file.finite))
        parts.append(Part("device", "This machine's onnxruntime", lambda: [device(own)]))
    return Section(study.name, study.title, tuple(parts), lead=study.question)


def by_seed(rows: DataFrame, label: str) -> dict[int, float]:
    """Seed -> error in %."""
    arm, order = ARMS[label]
    own = rows[(rows["arm"] == arm) & (rows["order"] == order)]
    return {int(s): float(e) for s, e in zip(own["seed"], own["mape"], strict=True)}


def measured(rows: DataFrame) -> list[str]:
    return [label for label in ARMS if by_seed(rows, label)]


def errors(rows: DataFrame) -> DataFrame:
    """A row for each table and number of training points, a column for each model."""
    lines = []
    for (points, name), own in rows.groupby(["points", "table"]):
        line = {"table": word(str(name), code=True), "training points": word(f"{points:g}")}
        for label in measured(rows):
            found = list(by_seed(own, label).values())
            line[label] = spread(found, 2) if found else word("")
        lines.append(line)
    return table(
        lines, "Mean absolute error on 500 held-out rows in %, mean over seeds [lowest, highest]."
    )


def ratios(rows: DataFrame) -> DataFrame:
    """Each model's error over that of HAT's network, of the same rows and seeds."""
    lines = []
    for (points, name), own in rows.groupby(["points", "table"]):
        hat = by_seed(own, HAT)
        if not hat:
            continue
        line = {"table": word(str(name), code=True), "training points": word(f"{points:g}")}
        line["seeds"] = word(str(len(hat)))
        for label in measured(rows):
            if label != HAT:
                line[label] = over(by_seed(own, label), hat)
        lines.append(line)
    return table(lines, "Error over that of HAT's network, of the same seeds; median over seeds.")


def over(own: dict[int, float], hat: dict[int, float]) -> Cell:
    found = [own[seed] / hat[seed] for seed in hat if seed in own]
    return Cell(f"{statistics.median(found):.2f}", statistics.median(found)) if found else word("")


def device(rows: DataFrame) -> DataFrame:
    """A row for each space and model: errors on subnets that were not learned of."""
    lines = [
        {
            "space": word(str(row["space"]), code=True),
            "measured twice": number(row["twice"], 1),
            "model": word(str(row["arm"]), code=True),
            "error": interval(row["mape"], row["mape_low"], row["mape_high"], 1),
            "of the second": number(row["mape_of_second"], 1),
            "Kendall's tau": interval(row["tau"], row["tau_low"], row["tau_high"], 3),
        }
        for _, row in rows.iterrows()
    ]
    first = rows.iloc[0]
    return table(
        lines,
        f"onnxruntime, one thread, batches of one; {first['points']:g} subnets to learn of, {first['held_out']:g} held "
        "out: mean absolute error in % and Kendall's tau, with 95 % intervals over held-out subnets. Errors of the "
        "second are against a second measurement, after all of the first.",
    )
