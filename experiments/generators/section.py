"""What the results say: what generators store, what a step costs, and what they say of themselves."""

from pandas import DataFrame

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import ABSENT, Cell, number, table, word

NUMBERS = ("weights", "stored_per_weight", "ratio_median", "rounds")


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.finite))
    parts = (
        Part("stored", "What is stored", lambda: [stored(rows)]),
        Part("step", "What a step costs", lambda: [step(rows)]),
        Part("conv2d", "What generators say of themselves", lambda: [words(rows, "conv2d")]),
    )
    return Section(study.name, study.title, parts, lead=study.question)


def stored(rows: DataFrame) -> DataFrame:
    sizes = rows.drop_duplicates("space").set_index("space")["weights"]
    first = {"generator": word("weights of the largest subnet")}
    first |= {f"`{space}`": number(weights, 0, grouped=True) for space, weights in sizes.items()}
    caption = "Parameters stored for each weight of the largest subnet."
    return table([first, *by_space(rows, "stored_per_weight")], caption)


def step(rows: DataFrame) -> DataFrame:
    rounds = f"median of {rows['rounds'].iloc[0]:g} rounds"
    caption = f"CPU time of a training step over that of weight sharing, {rounds}."
    return table(by_space(rows, "ratio_median"), caption)


def by_space(rows: DataFrame, value: str) -> list[dict[str, Cell]]:
    """A row for each generator, a column for each space."""
    return [
        {"generator": word(name, code=True)}
        | {f"`{space}`": number(cost) for space, cost in zip(own["space"], own[value], strict=True)}
        for name, own in rows.groupby("generator", sort=False)
    ]


def words(rows: DataFrame, space: str) -> DataFrame:
    """How each generator makes the largest matrix of a space's largest subnet."""
    lines = [
        {
            "generator": word(row.generator, code=True),
            "how a matrix comes about": word(row.how),
            "stored": number(row.stored_per_weight),
            "step": number(row.ratio_median),
            "hypernetwork": word(row.taxonomy.split(", ")[1] if row.taxonomy else ABSENT),
        }
        for row in rows[rows["space"] == space].itertuples()
    ]
    return table(lines)
