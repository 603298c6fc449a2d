"""What the rounds say: subnets judged in the time in which one is evaluated."""

from pandas import DataFrame

from hypernas.evaluation.estimate import estimate
from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.table import Cell, interval, number, over_seeds, table, word

ARMS = ("judge", "evaluate", "passes")
OF_HALVING = ("seed", "whole_hypervolume", "halving_hypervolume", "evaluations", "stopped")
SHARE = 0.25  # of the examples, that are read first


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(("round", "subnets", *ARMS), csv_file.finite))
    parts = [Part("speed", "Speed", lambda: [speed(rows)])]
    if path := study.beside("before.csv"):
        earlier = csv_file.read(path, dict.fromkeys(("round", "subnets", *ARMS), csv_file.finite))
        parts.append(Part("before", "Speed before", lambda: [speed(earlier)]))
    if path := study.beside("halving.csv"):
        searches = csv_file.read(path, dict.fromkeys(OF_HALVING, csv_file.finite))
        costs = csv_file.read(
            path.parent / "costs.csv", dict.fromkeys(("part", "whole"), csv_file.finite)
        )
        parts.append(Part("halving", "Halving", lambda: [halving(searches, costs)]))
    return Section(study.name, study.title, tuple(parts), lead=study.question)


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


def halving(rows: DataFrame, costs: DataFrame) -> DataFrame:
    """A row for each table and method: what is stopped and saved, and the hypervolume with and without."""
    part = {str(row["table"]): row["part"] / row["whole"] for _, row in costs.iterrows()}
    lines = []
    for (name, method), own in rows.groupby(["table", "method"], sort=False):
        stopped = own["stopped"] / own["evaluations"]
        lost = own["whole_hypervolume"] - own["halving_hypervolume"]
        lines.append(
            {
                "table": word(str(name), code=True),
                "method": word(str(method), code=True),
                "stopped": over_seeds(list(stopped), 2),
                "examples saved": over_seeds(list(stopped * (1 - SHARE)), 2),
                "time saved": over_seeds(list(stopped * (1 - part[str(name)])), 2),
                "hypervolume": over_seeds(list(own["whole_hypervolume"]), 4),
                "lost by halving": over_seeds(list(lost), 4),
            }
        )
    return table(
        lines,
        f"Shares of the subnets, examples and CPU time of judging, and of the true front's hypervolume, one subnet in ten evaluated: mean [95 % interval of Student's t over {rows['seed'].nunique()} seeds].",
    )
