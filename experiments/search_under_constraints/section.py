"""What the results say: the accuracy of what was found under each constraint."""

import numpy as np
from pandas import DataFrame
from scipy import stats

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, figure, number, table, word

NUMBERS = (
    "bound",
    "allowed",
    "space",
    "evaluations",
    "validation",
    "test",
    "found_best",
    "searches",
)


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.finite))
    parts = (Part("found", "What is found", lambda: [found(rows)]),)
    return Section(study.name, study.title, parts, lead=study.question)


def found(rows: DataFrame) -> DataFrame:
    lines = []
    for (constraint, method), own in rows.groupby(["constraint", "method"], sort=False):
        best = rows[(rows["constraint"] == constraint) & (rows["method"] == "exhaustive")]
        lines.append(
            {
                "constraint": word(f"{constraint} ≤ {own['bound'].iloc[0]:,.0f}"),
                "method": word(str(method)),
                "evaluations": number(own["evaluations"].iloc[0], 0),
                "finds the best": number(100 * own["found_best"].mean(), 0),
                "test accuracy": interval(100 * own["test"].to_numpy()),
                "behind the best": interval(
                    100 * (best["test"].to_numpy() - own["test"].to_numpy())
                ),
            }
        )
    first = rows.iloc[0]
    caption = (
        f"Percent, by inherited weights, calibrated; chosen on validation. {first['space']:.0f} architectures, of "
        f"which {first['allowed']:.0f} are allowed. Means over {rows['searches'].max():.0f} searches, [95 % interval "
        f"over {rows['seed'].nunique()} generators]; the best is that of all allowed ones on validation."
    )
    return table(lines, caption)


def interval(values: np.ndarray) -> Cell:
    """The mean and its interval by Student's t."""
    mean = values.mean()
    around = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    low, high = (figure(end, 2) for end in (mean - around, mean + around))
    return Cell(f"{figure(mean, 2)} [{low}, {high}]", float(mean))
