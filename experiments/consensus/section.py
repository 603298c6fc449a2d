"""What gates by input cost where they become one network, and how fast that is."""

from pandas import DataFrame

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, number, over_seeds, table, word

NUMBERS = ("seed", "kept", "static", "mflops", "parameters")


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.finite))
    path = study.beside("latency.csv")
    times = csv_file.read(path, {"seed": csv_file.finite, "ms": csv_file.finite}) if path else None
    parts = [Part("conversion", "Conversion", lambda: [lost(*own) for own in by_steps(rows)])]
    if times is not None:
        parts.append(Part("latency", "Latency", lambda: [latencies(*x) for x in by_steps(times)]))
    return Section(study.name, study.title, tuple(parts), lead=study.question)


def by_steps(rows: DataFrame) -> list[tuple[str, DataFrame]]:
    return [(str(steps), own) for steps, own in rows.groupby("steps", sort=False)]


def lost(steps: str, rows: DataFrame) -> DataFrame:
    full = rows[rows["arm"] == "full"].set_index("seed")
    lines: list[dict[str, Cell]] = []
    for arm, own in rows[rows["arm"] != "full"].groupby("arm", sort=False):
        own = own.set_index("seed")
        dynamic, undecided = own["dynamic"].astype(float), own["undecided"].astype(float)
        lines.append(
            {
                "arm": word(str(arm), code=True),
                "static − full": over_seeds(list(own["static"] - full["static"]), 2, signed=True),
                "static − dynamic": over_seeds(list(own["static"] - dynamic), 2, signed=True),
                "kept": number(own["kept"].mean(), 2),
                "undecided (%)": number(100 * undecided.mean(), 0),
                "parameters / full": number((own["parameters"] / full["parameters"]).mean(), 2),
                "FLOPs / full": number((own["mflops"] / full["mflops"]).mean(), 2),
            }
        )
    accuracy = full["static"].mean()
    return table(
        lines,
        f"{steps} steps, {len(full)} seeds: points of test accuracy, mean [95 % interval of t over seeds]; the full network has {accuracy:.1f} %.",
    )


def latencies(steps: str, rows: DataFrame) -> DataFrame:
    full = rows[rows["arm"] == "full"].set_index("seed")["ms"]
    lines: list[dict[str, Cell]] = []
    for arm, own in rows.groupby("arm", sort=False):
        share = list(own.set_index("seed")["ms"] / full)
        lines.append(
            {
                "arm": word(str(arm), code=True),
                "ms": number(own["ms"].mean(), 3),
                "time / full": over_seeds(share, 2) if arm != "full" else word("–"),
            }
        )
    return table(
        lines,
        f"Latency of one image, one thread of onnxruntime, networks of {steps} steps in turns: mean over seeds [95 % interval of t].",
    )
