"""Streams of tasks: what is left of earlier ones, and what is kept of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame, concat

from hypernas.continual import Matrix
from hypernas.reports import csv_file
from hypernas.reports.figure import Figure, canvas
from hypernas.reports.lines import Line, lines, words
from hypernas.reports.section import Part, Section
from hypernas.reports.study import Study
from hypernas.reports.style import Look, looks
from hypernas.reports.table import Cell, number, over_seeds, table, word

_PARSERS = {
    "stream": csv_file.word,
    "arm": csv_file.word,
    "seed": csv_file.whole,
    "after": csv_file.whole,
    "task": csv_file.whole,
    "subnet": csv_file.word,
    "measure": csv_file.word,
    "score": csv_file.finite,
}
_COSTS = {
    "stream": csv_file.word,
    "arm": csv_file.word,
    "seed": csv_file.whole,
    "task": csv_file.whole,
    "network_bytes": csv_file.finite,
    "total_bytes": csv_file.finite,
    "task_bytes": csv_file.finite,
    "mask_code_bytes": csv_file.finite,
    "mask_bit_bytes": csv_file.finite,
    "seconds": csv_file.finite,
}
COLUMNS = set(_PARSERS)
_KEY = ("stream", "arm", "seed", "subnet")


@dataclass(frozen=True)
class Stream:
    """The runs over one stream of tasks.

    Attributes:
        rows: of the scores.
        costs: a row for each task of a run; None where the study has none.
    """

    name: str
    rows: DataFrame
    costs: DataFrame | None

    @cached_property
    def measure(self) -> str:
        return str(self.rows["measure"].iloc[0]).replace("_", " ")

    @cached_property
    def num(self) -> int:
        """Number of tasks."""
        return int(self.rows["after"].max())

    @cached_property
    def runs(self) -> dict[tuple[str, str], dict[int, Matrix]]:
        """Arm and subnet -> seed -> its matrix, of runs that have learned all tasks."""
        found: dict[tuple[str, str], dict[int, Matrix]] = {}
        for (arm, subnet, seed), some in self.rows.groupby(["arm", "subnet", "seed"], sort=False):
            matrix = Matrix()
            for row in some.itertuples():
                matrix.add(int(row.after), {int(row.task): float(row.score)})  # type: ignore[arg-type]
            if matrix.num == self.num:
                found.setdefault((str(arm), str(subnet)), {})[int(seed)] = matrix
        return found

    @cached_property
    def unfinished(self) -> list[str]:
        """Runs that stopped before the last task, which figures leave out, in words."""
        ends = self.rows.groupby(["arm", "seed"], sort=False)["after"].max()
        return [f"{arm}, seed {seed} ({n})" for (arm, seed), n in ends.items() if n < self.num]

    @cached_property
    def arms(self) -> list[str]:
        """Those of the first subnet, in their order."""
        return list(dict.fromkeys(arm for arm, _ in self.runs))

    def curve(self, arm: str) -> np.ndarray:  # shape: (seeds, tasks)
        """The mean score of all tasks so far, after each, of an arm's first subnet."""
        runs = next(own for (name, _), own in self.runs.items() if name == arm)
        tasks = range(1, self.num + 1)
        return np.array(
            [
                [np.mean([m.scores[t, i] for i in range(1, t + 1)]) for t in tasks]
                for m in runs.values()
            ]
        )


def section(study: Study) -> Section:
    """A table, `continual`, and a figure for each stream; of one run its matrix too."""
    streams = streams_of(study)
    rows = concat([stream.rows for stream in streams])
    arms = looks(list(rows["arm"].unique()))
    figures = [_curve_figure(stream, arms) for stream in streams]
    alone = rows.groupby(["arm", "seed", "subnet", "stream"]).ngroups == 1
    figures += [_matrix_figure(stream) for stream in streams if alone]
    made = partial(_tables, streams)
    return Section(
        study.name,
        study.title,
        (Part("continual", "One task after another", made, tuple(figures)),),
        lead=study.question,
        facts=(
            f"{len(arms)} arms",
            *(f"{s.name}: {s.num} tasks, {s.rows['seed'].nunique()} seeds" for s in streams),
        ),
        looks=arms,
    )


def streams_of(study: Study) -> list[Stream]:
    """The streams of a study, in the order of its rows.

    Raises:
        ValueError: if a file is broken, naming file, line and column.
    """
    rows = csv_file.read(study.path, _PARSERS)
    csv_file.distinct(rows, (*_KEY, "after", "task"), study.path)
    beside = study.beside("tasks.csv")
    costs = None if beside is None else csv_file.read(beside, _COSTS)
    return [
        Stream(str(name), some, None if costs is None else costs[costs["stream"] == name])
        for name, some in rows.groupby("stream", sort=False)
    ]


def _tables(streams: Sequence[Stream]) -> list[DataFrame]:
    return [_table(stream) for stream in streams]


def _table(stream: Stream) -> DataFrame:
    """A row for each arm and subnet."""
    several = len({subnet for _, subnet in stream.runs}) > 1
    rows = []
    for (arm, subnet), matrices in stream.runs.items():
        figures = [matrix.figures() for matrix in matrices.values()]

        def cell(name: str, figures: Sequence[Mapping[str, float]] = figures) -> Cell:
            own = [100 * one[name] for one in figures if name in one]
            return over_seeds(own, 1) if own else number(None)

        rows.append(
            {
                "arm": word(arm, code=True),
                **({"subnet": word(subnet)} if several else {}),
                f"{stream.measure} of all (%)": cell("final"),
                "as learned (%)": cell("learned"),
                "forgetting (points)": cell("forgetting"),
                "forward transfer (points)": cell("forward_transfer"),
                **_costs(stream.costs, arm, list(matrices)),
            }
        )
    caption = (
        f"{stream.name}, {stream.num} tasks: means over seeds [95 % intervals of Student's t]. Of all: {stream.measure} of all "
        f"tasks after the last; as learned: of each right after its own training; forgetting: best before minus that after the last; "
        f"forward transfer: what a task begins with, minus the network before any. Kept: everything that is stored, in networks of single precision."
    )
    if stream.unfinished:
        caption += f" Left out, as they stopped after fewer tasks: {'; '.join(stream.unfinished)}."
    return table(rows, caption)


def _costs(costs: DataFrame | None, arm: str, seeds: Sequence[int]) -> dict[str, Cell]:
    """The bytes and seconds of an arm: at the end, and of a task."""
    if costs is None:
        return {}
    own = costs[(costs["arm"] == arm) & costs["seed"].isin(seeds)]
    if own.empty:
        names = "kept (networks)", "bytes a task", "masks as bits", "seconds a task"
        return {name: number(None) for name in names}
    last = own[own["task"] == own["task"].max()]
    kept = float((last["total_bytes"] / last["network_bytes"]).mean())
    bits = float((own["task_bytes"] - own["mask_code_bytes"] + own["mask_bit_bytes"]).mean())
    return {
        "kept (networks)": number(kept, 2),
        "bytes a task": number(float(own["task_bytes"].mean()), 0, grouped=True),
        "masks as bits": number(bits if own["mask_bit_bytes"].any() else None, 0, grouped=True),
        "seconds a task": number(float(own["seconds"].mean()), 2),
    }


def _curve_figure(stream: Stream, arms: Mapping[str, Look]) -> Figure:
    seeds = stream.rows["seed"].nunique()
    return Figure(
        f"continual-{stream.name.replace(' ', '-')}",
        f"{stream.measure.capitalize()} of all tasks so far, {stream.name}",
        f"{stream.name}: mean {stream.measure} of all tasks learned so far, after each. "
        f"{words(seeds, len(stream.arms))}",
        partial(_draw_curve, stream, arms),
    )


def _draw_curve(stream: Stream, arms: Mapping[str, Look], width: float) -> Canvas:
    scores = {arm: stream.curve(arm) for arm in stream.arms}
    own = {
        arm: Line(np.arange(1, x.shape[1] + 1), x.mean(0), x.min(0), x.max(0))
        for arm, x in scores.items()
    }
    return lines(own, arms, width, across="tasks learned", up=stream.measure)


def _matrix_figure(stream: Stream) -> Figure:
    return Figure(
        f"matrix-{stream.name.replace(' ', '-')}",
        f"{stream.measure.capitalize()} of each task after each, {stream.name}",
        f"{stream.name}: {stream.measure} of every task (columns) after every task (rows). Right of the diagonal: with what the "
        f"next task begins; the first row: before any.",
        partial(_draw_matrix, stream),
    )


def _draw_matrix(stream: Stream, width: float) -> Canvas:
    (runs,) = stream.runs.values()
    (matrix,) = runs.values()
    shape = stream.num + 1, max(task for _, task in matrix.scores)
    values = np.full(shape, np.nan)
    for (after, task), score in matrix.scores.items():
        values[after, task - 1] = score
    drawing = canvas(width, min(width, 5) * 0.8)
    axes = drawing.add_subplot()
    extent = (0.5, shape[1] + 0.5, shape[0] - 0.5, -0.5)
    image = axes.imshow(values, extent=extent, aspect="auto", cmap="cividis")
    axes.grid(visible=False)
    axes.set_xlabel("task")
    axes.set_ylabel("tasks learned")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True))
    drawing.colorbar(image, ax=axes, label=stream.measure)
    return drawing
