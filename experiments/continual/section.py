"""The tables of one task after another: those of any such study, what training adds to masks, and bytes."""

from dataclasses import replace
from functools import partial

from pandas import DataFrame

from hypernas.reports.continual import Stream, streams_of
from hypernas.reports.continual import section as section_of
from hypernas.reports.plain import plain_table
from hypernas.reports.section import Part, Section
from hypernas.reports.study import Study
from hypernas.reports.table import over_seeds, table, word

BESIDE = {
    "memory": "A hundred permuted tasks once, `exssnet` at a density of 2.5 %, 80 steps a task: every byte kept of them, bank and norms included; masks in their code, or as plain bits.",
    "switching": "CPU time of having another task's weights, and that time over a forward pass of 128 images (medians): masks resident as bits, as a byte an entry, or as the entries that they keep, with their places, of one network that changes in place (`TaskNetwork`).",
    "tuning": "Mean validation accuracy of all tasks after the last, seed 100; on permuted images after five tasks.",
}
PAIRS = [(f"{name}_{k}", f"supsup_{k}") for name in ("exssnet", "ssnet") for k in (2, 10, 50)]


def section(study: Study) -> Section:
    found = section_of(study)
    streams = streams_of(study)
    parts = [
        Part("differences", "What training adds to masks", lambda: list(map(differences, streams)))
    ]
    for name, caption in BESIDE.items():
        if (path := study.beside(f"{name}.csv")) is not None:
            parts.append(Part(name, name.capitalize(), partial(_plain, path, caption)))
    return replace(found, parts=(*found.parts, *parts))


def _plain(path, caption: str) -> list[DataFrame]:
    return [plain_table(path, caption)]


def differences(stream: Stream) -> DataFrame:
    """Final accuracy of one arm minus another's, seed by seed."""
    finals = {
        arm: {seed: 100 * matrix.final() for seed, matrix in own.items()}
        for (arm, _), own in stream.runs.items()
    }
    rows = []
    for first, second in PAIRS:
        if first in finals and second in finals:
            seeds = sorted(finals[first].keys() & finals[second].keys())
            own = [finals[first][seed] - finals[second][seed] for seed in seeds]
            rows.append(
                {
                    "arm": word(first, code=True),
                    "minus": word(second, code=True),
                    "points": over_seeds(own, 1, signed=True),
                }
            )
    return table(
        rows, f"{stream.name}: accuracy of all tasks after the last, difference over seeds [95 %]."
    )
