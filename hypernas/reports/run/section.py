"""What a report says of runs."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from hypernas.reports.figure import Figure
from hypernas.reports.run.figures import curves, gate_map
from hypernas.reports.run.folder import Run, labels
from hypernas.reports.run.gates import Gates
from hypernas.reports.section import Part, Section
from hypernas.reports.style import looks
from hypernas.reports.table import Table, number, word


def section_of(runs: Sequence[Run]) -> Section:
    """One section for all runs: their curves overlaid, and the gates of each."""
    named = dict(zip(labels(runs), runs, strict=True))
    arms = looks(list(named))
    caption = (
        "Loss: mean over the reports of training around a step. Validation: mean over the "
        "validated subnets; the band goes from the worst to the best of them."
    )
    figure = Figure("curves", "Training curves", caption, partial(curves, named, arms))
    parts = [Part("curves", "Training curves", lambda: [_table(named)], (figure,))]
    for name, run in named.items():
        many = len(named) > 1
        parts.append(_gates(run, f"gates-{run.name}" if many else "gates", name if many else ""))
    return Section(
        "runs" if len(named) > 1 else runs[0].name,
        f"{len(named)} runs" if len(named) > 1 else next(iter(named)),
        tuple(parts),
        facts=tuple(f"`{name}`: {run.training[-1]['step']:,} steps" for name, run in named.items()),
        looks=arms,
    )


def _table(runs: Mapping[str, Run]) -> Table:
    measures = list(dict.fromkeys(m for run in runs.values() for m in run.measures()))
    rows = []
    for name, run in runs.items():
        last = [run.by_step(m) if m in run.measures() else {} for m in measures]
        means = [float(np.mean(found[max(found)])) if found else None for found in last]
        rows.append(
            (
                word(name, code=True),
                number(run.training[-1]["step"], 0, grouped=True),
                number(run.training[-1]["loss"], 3),
                *(number(value, 4) for value in means),
            )
        )
    columns = (
        "run",
        "steps",
        "training loss",
        *(f"validation {m.replace('_', ' ')}" for m in measures),
    )
    counts = sorted({len(found[max(found)]) for run in runs.values() for found in _all(run)})
    subnets = "–".join(str(n) for n in dict.fromkeys((counts or [0])[:: max(1, len(counts) - 1)]))
    return Table(
        columns, tuple(rows), f"At the last report; validation is the mean of {subnets} subnets."
    )


def _all(run: Run) -> list[dict[int, list[float]]]:
    return [run.by_step(measure) for measure in run.measures()]


def _gates(run: Run, place: str, owner: str) -> Part:
    title = f"Gates by architecture, {owner}" if owner else "Gates by architecture"
    found = run.gates
    if found is None:
        return Part(place, title, missing="the run has no checkpoint yet")
    if not found.groups:
        return Part(place, title, missing="its generator has no coefficients of the architecture")
    figures = ()
    if found.of("gates"):
        caption = (
            f"{len(found.mflops)} architectures (rows, by FLOPs of one example) and the gates of every "
            f"router (columns; lines part routers, neurons are averaged). A column of one colour "
            f"is a gate that no architecture changes; grey: the architecture lacks the layer."
        )
        figures = (Figure(place, title, caption, partial(gate_map, found)),)
    return Part(place, title, lambda: [_variation(found)], figures)


def _variation(found: Gates) -> Table:
    rows = tuple(
        (
            word(group.label, code=True),
            word(group.kind),
            number(group.values.shape[1], 0),
            number(float(np.nanmean(group.values)), 3),
            number(group.spread(), 4),
            number(float(np.nanmin(group.values)), 3),
            number(float(np.nanmax(group.values)), 3),
        )
        for group in found.groups
    )
    return Table(
        (
            "parameters",
            "coefficients",
            "entries",
            "mean",
            "sd over architectures",
            "lowest",
            "highest",
        ),
        rows,
        f"How much coefficients vary over {len(found.mflops)} architectures; `+1` stands for further "
        f"parameters of the same router. A standard deviation of 0 means that the architecture does "
        f"not matter.",
    )
