"""Section of runs: their curves, gates, and what evaluate and search found."""

import re
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from pandas import DataFrame

from hypernas.reports.figure import Figure
from hypernas.reports.plain import plain_table
from hypernas.reports.run.figures import curves, gate_map
from hypernas.reports.run.folder import Run, labels
from hypernas.reports.run.gates import Gates
from hypernas.reports.run.searches import broken, parts_of, read_search, searches_of
from hypernas.reports.section import Missing, Part, Section
from hypernas.reports.style import looks
from hypernas.reports.table import number, table, word

_TABLES = {
    "finetune*.csv": "A subnet that hypernas finetune trained on from inherited weights, and the same module "
    "trained alone for as many steps, by seed.",
    "evaluation*.csv": "Subnets that hypernas evaluate measured, as it wrote them: inherited "
    "weights, before and after calibration where there is anything to calibrate.",
}


def section_of(runs: Sequence[Run]) -> Section:
    """One section for all runs: their curves overlaid, and the tables and gates of each."""
    named = dict(zip(labels([run.folder for run in runs]), runs, strict=True))
    arms = looks(list(named))
    caption = (
        "Loss: mean over the reports of training around a step. Validation: mean over the "
        "validated subnets; the band goes from the worst to the best of them."
    )
    figure = Figure("curves", "Training curves", caption, partial(curves, named, arms))
    parts = [Part("curves", "Training curves", lambda: [_curve_table(named)], (figure,))]
    for name, run in named.items():
        owner = name if len(named) > 1 else ""
        parts += [*_searches(run, owner), *_written(run, owner), _gates(run, owner)]
    return Section(
        "runs" if len(named) > 1 else next(iter(named)),
        f"{len(named)} runs" if len(named) > 1 else next(iter(named)),
        tuple(parts),
        facts=tuple(
            f"`{name}`: {run.training['step'].iloc[-1]:,} steps" for name, run in named.items()
        ),
        looks=arms,
    )


def _place(name: str, owner: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", f"{name}-{owner}" if owner else name)


def _title(words: str, owner: str) -> str:
    return f"{words}, {owner}" if owner else words


def _searches(run: Run, owner: str) -> list[Part]:
    """The parts of each search of the run that has ended."""
    folders = searches_of(run.folder)
    parts = []
    for position, folder in enumerate(folders, start=1):
        place = _place(f"search-{folder.name}", owner)
        try:
            search = read_search(folder)
        except ValueError as error:
            parts.append(broken(folder, error, place))
            continue
        words = f"Search {position}: {search.aim}" if len(folders) > 1 else f"Search: {search.aim}"
        parts += parts_of(search, place, _title(words, owner))
    return parts


def _written(run: Run, owner: str) -> list[Part]:
    """A part for each table that commands wrote into the run's folder."""
    return [
        Part(
            _place(path.stem, owner),
            _title(path.stem.replace("_", " ").capitalize(), owner),
            lambda path=path, caption=caption: [plain_table(path, caption)],
        )
        for pattern, caption in _TABLES.items()
        for path in run.tables(pattern)
    ]


def _curve_table(runs: Mapping[str, Run]) -> DataFrame:
    measures = list(dict.fromkeys(m for run in runs.values() for m in run.measures))
    rows, counts = [], set()
    for name, run in runs.items():
        row = {
            "run": word(name, code=True),
            "steps": number(run.training["step"].iloc[-1], 0, grouped=True),
            "training loss": number(run.training["loss"].iloc[-1], 3),
        }
        for measure in measures:
            final = run.final(measure)
            mean = None if final is None else final["mean"]
            row[f"validation {measure.replace('_', ' ')}"] = number(mean, 4)
            counts |= set() if final is None else {int(final["count"])}
        rows.append(row)
    subnets = "–".join(str(num) for num in sorted({min(counts), max(counts)})) if counts else "0"
    return table(rows, f"At the last report; validation is the mean of {subnets} subnets.")


def _gates(run: Run, owner: str) -> Part:
    title, place, found = _title("Gates by architecture", owner), _place("gates", owner), run.gates
    figures = ()
    if found is not None and found.of("gates"):
        caption = (
            f"{len(found.mflops)} architectures (rows, by FLOPs of one example) and the gates of every "
            f"router (columns; lines part routers, neurons are averaged). A column of one colour "
            f"is a gate that no architecture changes; grey: the architecture lacks the layer."
        )
        figures = (Figure(place, title, caption, partial(gate_map, found)),)
    return Part(place, title, lambda: [_variation(found)], figures)


def _variation(found: Gates | None) -> DataFrame:
    if found is None:
        raise Missing("the run has no checkpoint yet")
    if not found.groups:
        raise Missing("its generator has no coefficients of the architecture")
    rows = [
        {
            "parameters": word(group.label, code=True),
            "coefficients": word(group.kind),
            "entries": number(group.values.shape[1], 0),
            "mean": number(float(np.nanmean(group.values)), 3),
            "sd over architectures": number(group.spread(), 4),
            "lowest": number(float(np.nanmin(group.values)), 3),
            "highest": number(float(np.nanmax(group.values)), 3),
        }
        for group in found.groups
    ]
    caption = (
        f"How much coefficients vary over {len(found.mflops)} architectures; `+1` stands for further "
        f"parameters of the same router. A standard deviation of 0 means that the architecture does "
        f"not matter."
    )
    return table(rows, caption)
