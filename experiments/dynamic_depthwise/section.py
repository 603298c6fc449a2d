"""What the results say: accuracy, FLOPs and parameters of each way to mix neighbours, and what is ahead of what."""

from pandas import DataFrame

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, interval, number, over_seeds, table, word

NUMBERS = ("seed", "lr", "channels", "parameters", "mflops", "accuracy")


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.finite))
    parts = [
        Part("accuracy", "Accuracy", lambda: [accuracy(*pair) for pair in by_data(rows)]),
        Part("differences", "Differences", lambda: [differences(rows)]),
    ]
    if path := study.beside("speed.csv"):
        timed = ("batch", "ms", "low", "high", "ratio")
        times = csv_file.read(path, dict.fromkeys(timed, csv_file.finite))
        parts.append(Part("speed", "Speed", lambda: [speed(times)]))
    return Section(study.name, study.title, tuple(parts), lead=study.question)


def by_data(rows: DataFrame) -> list[tuple[str, DataFrame]]:
    return [(str(name), own) for name, own in rows.groupby("data", sort=False)]


def accuracy(name: str, rows: DataFrame) -> DataFrame:
    lines: list[dict[str, Cell]] = []
    for arm, own in rows.groupby("arm", sort=False):
        first = own.iloc[0]
        lines.append(
            {
                "arm": word(str(arm), code=True),
                "channels": number(first["channels"], 0),
                "MFLOPs": number(first["mflops"], 3),
                "parameters": number(first["parameters"], 0, grouped=True),
                "accuracy (%)": over_seeds(list(own["accuracy"]), 2),
            }
        )
    num = rows["seed"].nunique()
    return table(lines, f"{name}: test accuracy, mean of {num} seeds [95 % interval of t].")


def differences(rows: DataFrame) -> DataFrame:
    lines = []
    for name, own in by_data(rows):
        each = own.pivot_table(index="seed", columns="arm", values="accuracy")
        for arm in own["arm"].unique():
            line = {"data": word(name), "arm": word(arm, code=True)}
            for base in ("static", "dynamic", "attention"):
                apart = list(each[arm] - each[base])
                line[f"− {base}"] = word("") if arm == base else over_seeds(apart, 2, signed=True)
            lines.append(line)
    about = (
        "Test accuracy, arm minus column, paired by seed, in points, with the 95 % interval of t."
    )
    return table(lines, about)


def speed(rows: DataFrame) -> DataFrame:
    lines: list[dict[str, Cell]] = []
    for arm, own in rows.groupby("arm", sort=False):
        line = {"arm": word(str(arm), code=True)}
        for _, row in own.iterrows():
            told = f"{row['what']}, batch {row['batch']:.0f}"
            line[f"{told} (ms)"] = interval(row["ms"], row["low"], row["high"], 2)
            line[f"{told} / static"] = number(row["ratio"], 2)
        lines.append(line)
    about = (
        "Time of the whole network, all of the channels of `static`, one thread, in turns: median of rounds "
        "[95 % interval of the median], and in units of `static` in the same run."
    )
    return table(lines, about)
