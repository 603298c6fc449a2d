"""What the rounds say: subnets judged in the time in which one is evaluated."""

from pandas import DataFrame

from hypernas.evaluation.estimate import estimate
from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, interval, number, table, word

ARMS = ("judge", "evaluate", "passes")


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(("round", "subnets", *ARMS), csv_file.finite))
    parts = (Part("speed", "Speed", lambda: [speed(rows)]),)
    return Section(study.name, study.title, parts, lead=study.question)


def speed(rows: DataFrame) -> DataFrame:
    """A row a target: subnets a minute, and what the other arms take in units of judging."""
    lines = []
    for target, own in rows.groupby("target", sort=False):
        a_minute = 60 * own["subnets"].sum() / own["judge"].sum()
        lines.append(
            {
                "target": word(str(target), code=True),
                "rounds": word(str(len(own))),
                "judged a minute": number(a_minute, 0, grouped=True),
                "evaluate / judge": ratio(own, "evaluate", "judge"),
                "evaluate / bare passes": ratio(own, "evaluate", "passes"),
            }
        )
    return table(
        lines,
        "CPU time for the same subnets, one thread: ratio of the sums over rounds [95 % bootstrap interval over rounds].",
    )


def ratio(rows: DataFrame, above: str, below: str) -> Cell:
    found = estimate(lambda a, b: a.mean(-1) / b.mean(-1), list(rows[above]), list(rows[below]))
    return interval(found.value, found.low, found.high, 2)
