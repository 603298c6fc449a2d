"""What the runs say: accuracy of each arm, and the flagship's difference to weight sharing."""

from pandas import DataFrame

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import over_seeds, spread, table, word

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
            line[f"`{arm}`"] = over_seeds(list(paired), 1, signed=True) if len(paired) else word("")
        lines.append(line)
    return table(
        lines,
        "Difference to `shared` in points, paired by seed; mean [95 % interval of Student's t over seeds].",
    )
