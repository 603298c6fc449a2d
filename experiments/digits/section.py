"""What the results say: accuracy over budgets."""

from pandas import DataFrame

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, number, spread, table, word

NUMBERS = ("seed", "steps", "lr", "stored", "calibrated_accuracy")


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.finite))
    part = Part("accuracy", "Accuracy", lambda: [accuracy_table(rows)])
    return Section(study.name, study.title, (part,), lead=study.question)


def accuracy_table(rows: DataFrame) -> DataFrame:
    lines = [
        {
            "steps": number(steps, 0),
            "generator": word(arm, code=True),
            "parameters stored": number(own["stored"].iloc[0], 0, grouped=True),
            "learning rate": Cell(f"{own['lr'].iloc[0]:g}", own["lr"].iloc[0]),
            "largest subnet": accuracy(own, "largest"),
            "mean of 20 random subnets": accuracy(own, "random"),
        }
        for (steps, arm), own in rows.groupby(["steps", "arm"], sort=False)
    ]
    return table(lines, "Test accuracy in %, mean over seeds [lowest, highest].")


def accuracy(rows: DataFrame, kind: str) -> Cell:
    """Of the subnets of a kind, in %: the mean of each seed's mean."""
    some = rows[rows["subnet"].str.startswith(kind)]
    return spread(list(100 * some.groupby("seed")["calibrated_accuracy"].mean()))
