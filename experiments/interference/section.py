"""What the rows say: a map of interference and undertraining over spaces and budgets."""

from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from pandas import DataFrame
from scipy.stats import t

from hypernas.reports import Part, Section, Study, csv_file
from hypernas.reports.figure import Figure, multiples, of_arm
from hypernas.reports.style import INK, Look, looks
from hypernas.reports.table import Cell, over_seeds, table, word

MEASURES = ("cross_entropy", "accuracy")
GAINS = ("specialising", "all", "longer", "interference", "beyond", "harm")
SIZES = tuple(f"beyond_{size}" for size in ("smallest", "middle", "largest"))
NUMBERS = ("budget", "seed", "lr", *(f"{m}_{g}" for m in MEASURES for g in ("before", *GAINS, *SIZES)))  # fmt: skip
DRAWN = {"specialising": "alone, n steps", "all": "all, n steps", "longer": "all, 4 n steps"}
INTERVAL = "Mean [95 % interval of Student's t over seeds]"


def section(study: Study) -> Section:
    rows = csv_file.read(study.path, dict.fromkeys(NUMBERS, csv_file.finite))
    arms = looks([*DRAWN.values()])
    drawn = Figure(
        "gains",
        "What training on brings a subnet",
        "Held-out cross entropy that a subnet gains by n = 100 more steps on it alone, on all, and by 400 on all, against the budget "
        "of the training before; means over 3 subnets and seeds, bars 95 % intervals of Student's t over seeds.",
        partial(draw, rows, arms),
    )
    parts = (
        Part("map", "Map", lambda: [chart(rows)], (drawn,)),
        Part("sizes", "By size, and in accuracy", lambda: [sizes(rows)]),
    )
    return Section(study.name, study.title, parts, lead=study.question, looks=arms)


def chart(rows: DataFrame) -> DataFrame:
    """A row for each space and budget."""
    lines = []
    for (name, budget), own in cells(rows):
        gains = {gain: list(own[f"cross_entropy_{gain}"]) for gain in GAINS}
        lines.append(
            {
                "space": word(name, code=True),
                "budget": Cell(f"{budget:g}×", float(budget)),
                "seeds": Cell(str(len(own)), float(len(own))),
                "level": over_seeds(list(own["cross_entropy_before"]), 3),
                "gain alone": over_seeds(gains["specialising"], 3),
                "gain of all": over_seeds(gains["all"], 3),
                "of all, 4 n: undertraining": over_seeds(gains["longer"], 3),
                "interference": over_seeds(gains["interference"], 3),
                "beyond undertraining": over_seeds(gains["beyond"], 3, signed=True),
                "harm to others": over_seeds(gains["harm"], 3, signed=True),
                "verdict": verdict(gains["beyond"], gains["harm"]),
            }
        )
    return table(
        lines,
        f"Test cross entropy in nats of subnets that share all weights, and what it falls by. {INTERVAL}; of each seed the mean over "
        "3 subnets that are trained on alone, of 6 that are measured.",
    )


def sizes(rows: DataFrame) -> DataFrame:
    """What is gained beyond undertraining by small and large subnets, and in accuracy."""
    lines = []
    for (name, budget), own in cells(rows):
        line = {"space": word(name, code=True), "budget": Cell(f"{budget:g}×", float(budget))}
        for size in SIZES:
            found = over_seeds(list(own[f"cross_entropy_{size}"]), 3, signed=True)
            line[size.removeprefix("beyond_")] = found
        for gain, told in (("before", "accuracy"), ("beyond", "beyond"), ("harm", "harm")):
            scale = 100 if gain == "before" else 1
            values = list(scale * own[f"accuracy_{gain}"])
            found = over_seeds(values, 1, signed=gain != "before")
            line[f"{told} (points)" if gain != "before" else "accuracy (%)"] = found
        lines.append(line)
    return table(
        lines,
        f"Gain alone beyond undertraining in nats, of the smallest, middle and largest subnet; accuracy before, what its gain is beyond "
        f"undertraining, and what others lose of it. {INTERVAL}.",
    )


def verdict(beyond: list[float], harm: list[float]) -> Cell:
    """Interference where both intervals are above 0; undertraining where that of `beyond` is below 0."""
    if len(beyond) < 2:
        return word("one seed")
    low, high = ends(beyond)
    if low > 0 and ends(harm)[0] > 0:
        return Cell("interference", "interference", strong=True)
    if low > 0:
        return word("gain without harm")
    return word("undertraining" if high < 0 else "not told apart")


def ends(values: list[float]) -> tuple[float, float]:
    """The interval of Student's t, of two values or more."""
    mean = sum(values) / len(values)
    spread = (sum((v - mean) ** 2 for v in values) / (len(values) - 1)) ** 0.5
    half = float(t.ppf(0.975, len(values) - 1)) * spread / len(values) ** 0.5
    return mean - half, mean + half


def cells(rows: DataFrame):
    """((space, budget), its rows), spaces in the order of the plan, budgets below each other."""
    for name in rows["space"].unique():
        own = rows[rows["space"] == name]
        for budget in sorted(own["budget"].unique()):
            yield (str(name), budget), own[own["budget"] == budget]


def draw(rows: DataFrame, arms: dict[str, Look], width: float) -> Canvas:
    """A panel for each space."""

    def panel(axes: Axes, name: str) -> None:
        own = rows[rows["space"] == name]
        budgets = sorted(own["budget"].unique())
        for gain, arm in DRAWN.items():
            found = [list(own[f"cross_entropy_{gain}"][own["budget"] == b]) for b in budgets]
            means = [sum(values) / len(values) for values in found]
            halves = [
                m - ends(v)[0] if len(v) > 1 else 0.0 for m, v in zip(means, found, strict=True)
            ]
            line, _, bars = axes.errorbar(budgets, means, halves, label=arm, **arms[arm].line())
            of_arm(arm, line, *bars)
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.set_xscale("log", base=2)
        axes.set_xticks([1, 4, 16], ["1", "4", "16"])

    names = [str(name) for name in rows["space"].unique()]
    drawing = multiples(
        names,
        panel,
        width,
        lambda rows, columns: 1.75 * rows + 0.7,
        across="budget of the training before",
        up="gain (nats)",
    )
    handles, labels = drawing.axes[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=3)
    return drawing
