"""What the loop over model classes counted, of the rows that are there."""

import csv
from pathlib import Path

from verdicts import answer

CLASSES = Path(__file__).parents[1] / "public_models" / "classes.csv"
ROWS = list(csv.DictReader(CLASSES.open()))
BUILT = [row for row in ROWS if row["kind"]]
INNER = [row for row in BUILT if row["kind"] == "inner"]


def built():
    num, of = (len({row["class"] for row in rows}) for rows in (BUILT, ROWS))
    return num >= 0.7 * of, f"{num} of {of}, {100 * num / of:.0f} %"


def undecided():
    num = sum(row["state"] == "undecided" for row in INNER)
    return num <= 0.1 * len(INNER), f"{num} of {len(INNER)}"


def silent():
    """Suspected by the witness; one has a norm over the inner width, which it counts otherwise."""
    suspects = [
        f"{row['class']} {row['choice']}"
        for row in BUILT
        if row["state"] in ("holds", "cured")
        and row["wrong"] == "1"
        and "Kosmos2_5" not in row["class"]
    ]
    told = sum(row["wrong"] == "0" for row in BUILT if row["state"] in ("holds", "cured"))
    return not suspects, "; ".join(
        suspects
    ) or f"none of {told} that the witness can judge, Kosmos-2.5 by hand"


def fused():
    cured = sum(row["state"] == "cured" for row in INNER)
    left = sum(row["state"] == "undecided" and "experts" in row["because"] for row in INNER)
    return cured >= 0.95 * (cured + left), f"{cured} of {cured + left}"


if __name__ == "__main__":
    answer({54: built, 55: undecided, 56: silent, 57: fused}, "transformers")
