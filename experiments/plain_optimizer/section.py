"""What the runs say: accuracy of each arm, and the flagship's difference to weight sharing."""

import math
import statistics

from pandas import DataFrame
from scipy.stats import t

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, interval, spread, table, word

NUMBERS = ("seed", "accuracy")


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.finite))
    parts = (
        Part("accuracy", "Accuracy", lambda: [accuracies(rows)]),
        Part("differences", "Differences to weight sharing", lambda: [differences(rows)]),
    )
    return Section(study.name, study.title, parts, lead=study.question)


def accuracies(rows: DataFrame) -> DataFrame:
    """A row for each case and optimizer, a column for each arm."""
    lines = []
    for (case, optimizer), own in rows.groupby(["case", "optimizer"], sort=False):
        line = {"case": word(str(case), code=True), "optimizer": word(str(optimizer))}
        for arm in rows["arm"].unique():
            found = list(100 * own["accuracy"][own["arm"] == arm])
            line[f"`{arm}`"] = spread(found, 1) if found else word("")
        lines.append(line)
    seeds = rows.groupby(["optimizer", "arm"], sort=False)["seed"].nunique().to_dict()
    told = ", ".join(f"{n} of `{arm}` under {optimizer}" for (optimizer, arm), n in seeds.items())
    return table(
        lines,
        f"Training accuracy in %, mean over the 36 subnets and over seeds [lowest, highest]. Seeds: {told}.",
    )


def differences(rows: DataFrame) -> DataFrame:
    """`hypernas` less `shared`, and `before` less `shared`, on the same seeds."""
    lines = []
    for (case, optimizer), own in rows.groupby(["case", "optimizer"], sort=False):
        by_arm = {arm: some.set_index("seed")["accuracy"] for arm, some in own.groupby("arm")}
        line = {"case": word(str(case), code=True), "optimizer": word(str(optimizer))}
        for arm in [arm for arm in rows["arm"].unique() if arm != "shared"]:
            paired = 100 * (by_arm[arm] - by_arm["shared"]).dropna() if arm in by_arm else []
            line[f"`{arm}`"] = over_seeds(list(paired)) if len(paired) else word("")
        lines.append(line)
    return table(
        lines,
        "Difference to `shared` in points, paired by seed; mean [95 % interval of Student's t over seeds].",
    )


def over_seeds(values: list[float]) -> Cell:
    mean, num = statistics.fmean(values), len(values)
    if num < 2:
        return interval(mean, math.nan, math.nan, 1, signed=True)
    half = t.ppf(0.975, num - 1) * statistics.stdev(values) / math.sqrt(num)
    return interval(mean, mean - half, mean + half, 1, signed=True)
