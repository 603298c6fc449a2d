"""What the results say: the accuracy of fused views and of each view, and what is ahead of what."""

from pandas import DataFrame

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, number, over_seeds, table, word

VIEWS = ("fused", "sequence", "transpose", "parts", "attention", "difference")
PAIRS = (("hypernas", "separate_as_hypernas"), ("shared", "separate_as_shared"))
PAIRS += (("hypernas", "shared"), ("hypernas", "separate"))


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(("seed", "stored", "accuracy"), csv_file.finite))
    path = study.beside("baselines.csv")
    fixed = csv_file.read(path, {"accuracy": csv_file.finite}) if path else DataFrame()
    parts = (
        Part("accuracy", "Accuracy", lambda: [accuracy(*pair, fixed) for pair in by_data(rows)]),
        Part("differences", "Differences", lambda: [differences(rows)]),
    )
    return Section(study.name, study.title, parts, lead=study.question)


def by_data(rows: DataFrame) -> list[tuple[str, DataFrame]]:
    return [(str(name), own) for name, own in rows.groupby("data", sort=False)]


def accuracy(name: str, rows: DataFrame, fixed: DataFrame) -> DataFrame:
    lines: list[dict[str, Cell]] = []
    for arm, own in rows.groupby("arm", sort=False):
        seen = {view: list(own[own["view"] == view]["accuracy"]) for view in VIEWS}
        stored = own["stored"].iloc[0]
        lines.append(
            {
                "arm": word(str(arm), code=True),
                "parameters stored": number(stored, 0, grouped=True),
                **{view: over_seeds(found, 1) for view, found in seen.items()},
            }
        )
    for _, row in fixed[fixed["data"] == name].iterrows():
        absent = dict.fromkeys(("parameters stored", *VIEWS), word("-"))
        told = absent | {"fused": number(row["accuracy"], 1)}
        lines.append({"arm": word(row["arm"], code=True), **told})
    seeds = rows["seed"].nunique()
    return table(lines, f"{name}: test accuracy in %, mean of {seeds} seeds [95 % interval of t].")


def differences(rows: DataFrame) -> DataFrame:
    lines = []
    for name, own in by_data(rows):
        fused = own[own["view"] == "fused"].pivot_table(
            index="seed", columns="arm", values="accuracy"
        )
        for one, other in PAIRS:
            apart = list(fused[one] - fused[other])
            lines.append(
                {
                    "data": word(name),
                    "difference": word(f"{one} − {other}"),
                    "points": over_seeds(apart, 1, signed=True),
                }
            )
    return table(lines, "Fused accuracy, paired by seed, in points, with the 95 % interval of t.")
