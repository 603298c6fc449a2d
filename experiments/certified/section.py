"""What the results say: errors by width, and by how much networks of a generator are worse than those alone."""

from pandas import DataFrame

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, number, over_seeds, table, word

ARMS = ("alone", "shared", "hypernas")
MEASURES = {"clean": "clean", "pgd": "PGD", "certified": "certified"}
PAIRS = (("shared", "alone"), ("hypernas", "alone"), ("hypernas", "shared"))
ABLATIONS = ("shared_kaiming", "shared_plain_loss")


def section(study: Study) -> Section:
    names = ("radius", "seed", "lr", "width", "parameters", *MEASURES)
    rows = csv_file.read(study.path, dict.fromkeys(names, csv_file.finite))
    rows["arm"] = rows["arm"].str.replace(r"alone_\d+", "alone", regex=True)
    parts = [
        Part("errors", "Errors", lambda: [errors(*pair) for pair in by_radius(rows)]),
        Part("differences", "Differences", lambda: [differences(rows)]),
    ]
    if rows["arm"].isin(ABLATIONS).any():
        parts.append(Part("ablation", "Ablation", lambda: [ablation(rows)]))
    return Section(study.name, study.title, tuple(parts), lead=study.question)


def by_radius(rows: DataFrame) -> list[tuple[float, DataFrame]]:
    own = rows[rows["arm"].isin(ARMS)]
    return [(float(str(radius)), some) for radius, some in own.groupby("radius", sort=True)]


def seeds(rows: DataFrame, arm: str, width: float, measure: str) -> list[float]:
    """A measure of an arm's network, by seed."""
    own = rows[(rows["arm"] == arm) & (rows["width"] == width)]
    return list(own.sort_values("seed")[measure])


def errors(radius: float, rows: DataFrame) -> DataFrame:
    lines = []
    for arm in ARMS:
        for measure, told in MEASURES.items():
            line: dict[str, Cell] = {"arm": word(arm, code=True), "error": word(told)}
            for width in sorted(rows["width"].unique()):
                line[f"width {width:.0f}"] = over_seeds(seeds(rows, arm, width, measure), 1)
            lines.append(line)
    num = rows["seed"].nunique()
    about = f"Radius {radius:g}: errors on test in %, mean of {num} seeds [95 % interval of t]."
    return table(lines, about)


def apart(
    rows: DataFrame, one: str, other: str, measure: str = "certified"
) -> tuple[list[Cell], Cell]:
    """Differences of two arms paired by seed, at each width, and of the mean over widths."""
    widths = sorted(rows["width"].unique())
    found = [
        [
            a - b
            for a, b in zip(
                seeds(rows, one, w, measure), seeds(rows, other, w, measure), strict=True
            )
        ]
        for w in widths
    ]
    mean = [sum(values) / len(widths) for values in zip(*found, strict=True)]
    return [over_seeds(values, 1, signed=True) for values in found], over_seeds(
        mean, 1, signed=True
    )


def differences(rows: DataFrame) -> DataFrame:
    lines = []
    for radius, own in by_radius(rows):
        for one, other in PAIRS:
            cells, mean = apart(own, one, other)
            head = {"radius": number(radius, 2), "difference": word(f"{one} − {other}")}
            lines.append(head | named(own, cells) | {"mean of widths": mean})
    about = "Certified error, paired by seed, in points, with the 95 % interval of t; below 0: the first is better."
    return table(lines, about)


def named(rows: DataFrame, cells: list[Cell]) -> dict[str, Cell]:
    widths = sorted(rows["width"].unique())
    return {f"width {width:.0f}": cell for width, cell in zip(widths, cells, strict=True)}


def ablation(rows: DataFrame) -> DataFrame:
    radius = rows[rows["arm"].isin(ABLATIONS)]["radius"].iloc[0]
    own = rows[rows["radius"] == radius]
    lines = []
    for arm in ABLATIONS:
        for measure in ("clean", "certified"):
            cells, mean = apart(own, arm, "shared", measure)
            head = {"difference": word(f"{arm} − shared"), "error": word(measure)}
            lines.append(head | named(own, cells) | {"mean of widths": mean})
    about = f"Radius {radius:g}: errors without a part of the method, paired by seed, in points, with the 95 % interval of t."
    return table(lines, about)
