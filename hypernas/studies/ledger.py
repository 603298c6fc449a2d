"""The CSV files of a study: rows that are there, and those that come."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hypernas.evaluation import write_csv
from hypernas.studies.jobs import Jobs, Spec
from hypernas.studies.rows import Found, Row, Rows

_KEYS = {  # NAME.csv -> columns that tell its rows apart
    "results": ("arm", "seed", "budget", "subnet"),
    "references": ("subnet", "seed", "steps"),
    "tuning": ("arm", "budget", "lr"),
    "runs": ("arm", "seed", "budget"),
    "stability": ("arm", "seed", "budget", "step", "subnet"),
    "cost": ("arm",),
}
_PLACED = 3  # keys that tell of which job a row is
FILES = tuple(_KEYS)
Made = Callable[[Found], Mapping[str, Iterable[Row]]]  # jobs with their results -> rows by file


class Ledger:
    """Rows of a study by what they are of, written whenever a job ends.

    What has its rows is not computed, so a study goes on from committed files where nothing else is left of it. Files do
    not tell of which settings they are: after a change of an arm, or of code that its numbers depend on, begin anew.

    Args:
        out: the folder of the files.
        rows: what makes rows of results.
        keep: begin with the rows that are there; False with none.

    Raises:
        ValueError: if those that are there are of other subnets or another length of stand-alone training.
    """

    def __init__(self, out: Path, rows: Rows, *, keep: bool) -> None:
        self.out, self._made = out, rows
        self._files: dict[str, dict[tuple[Any, ...], Row]] = {name: {} for name in _KEYS}
        self._places: dict[tuple[Any, ...], int] = {}  # the first keys of a row -> of its job
        for name in _KEYS if keep else ():
            self._put(name, _read(out / f"{name}.csv"))
        for row in self.rows("references"):
            row.setdefault("lr", None)
        for row in self.rows("tuning"):
            row.setdefault("measure", rows.tuned_by)
        _check_same(out, rows, self.rows("references"))

    def rows(self, name: str) -> list[Row]:
        return list(self._files[name].values())

    def tune(self, jobs: Jobs, stage: str, specs: Sequence[Spec]) -> None:
        """Fill tuning.csv with means over the subnets or seeds of an arm, a budget and a rate, once all are there."""

        def made(found: Found) -> dict[str, list[Row]]:
            here = [_tuned(spec) for spec, _ in found]
            whole = {key for key in here if here.count(key) == keys.count(key)}
            return {"tuning": self._made.tuning([one for one in found if _tuned(one[0]) in whole])}

        keys = [_tuned(spec) for spec in specs]
        self._plan(keys)
        self._fill(jobs, stage, [s for s in specs if _tuned(s) not in self._files["tuning"]], made)

    def refer(self, jobs: Jobs, stage: str, specs: Sequence[Spec]) -> list[str]:
        """Fill references.csv; returns the labels of those that diverged.

        Those of another learning rate, as after a rate more was tried, are made again, and results are held against
        the new ones.
        """

        def made(found: Found) -> dict[str, list[Row]]:
            new = self._made.references(found)
            known = [*self.rows("references"), *new]
            return {"references": new, "results": self._made.compared(self.rows("results"), known)}

        self._plan([_referred(spec) for spec in specs])
        missing = [spec for spec in specs if not self._is_referred(spec)]
        for spec in missing:
            self._files["references"].pop(_referred(spec), None)
        self._fill(jobs, stage, missing, made)
        return [s["label"] for s in specs if _referred(s) not in self._files["references"]]

    def compare(self, jobs: Jobs, stage: str, specs: Sequence[Spec]) -> None:
        """Fill results.csv, runs.csv and stability.csv."""
        self._plan([(spec["arm"], spec["seed"], spec["budget"]) for spec in specs])
        self._fill(
            jobs,
            stage,
            [spec for spec in specs if not self._ran(spec)],
            lambda found: {
                "results": self._made.results(found, self.rows("references")),
                "runs": self._made.runs(found),
                "stability": self._made.stability(found),
            },
        )

    def weigh(self, ratios: Sequence[Row], memory: Mapping[str, float]) -> None:
        """Fill cost.csv for the arms that were trained."""
        self._put("cost", self._made.cost(ratios, memory, self.rows("runs")))
        self._write("cost")

    def _plan(self, keys: Iterable[tuple[Any, ...]]) -> None:
        """Let rows stand in the order of jobs, however often a study was stopped and whatever ended first."""
        for key in keys:
            self._places.setdefault(key, len(self._places))

    def _fill(self, jobs: Jobs, stage: str, missing: Sequence[Spec], made: Made) -> None:
        found: list[tuple[Spec, Any]] = []
        places = {id(spec): place for place, spec in enumerate(missing)}

        def take(spec: Spec, result: Any) -> None:
            found.append((spec, result))
            found.sort(
                key=lambda one: places[id(one[0])]
            )  # whatever ended first: sums have an order
            for name, rows in made(found).items():
                self._put(name, rows)
                self._write(name)

        for spec, result in zip(missing, jobs.run(stage, missing, each=take), strict=True):
            if all(spec is not other for other, _ in found):  # what jobs knew already
                take(spec, result)

    def _is_referred(self, spec: Spec) -> bool:
        row = self._files["references"].get(_referred(spec))
        return row is not None and row["lr"] in (
            spec["lr"],
            None,
        )  # None: of a file that tells none

    def _ran(self, spec: Spec) -> bool:
        row = self._files["runs"].get((spec["arm"], spec["seed"], spec["budget"]))
        return row is not None and row["lr"] == spec["lr"]

    def _put(self, name: str, rows: Iterable[Row]) -> None:
        self._files[name] |= {tuple(row[key] for key in _KEYS[name]): row for row in rows}

    def _write(self, name: str) -> None:
        """One of the files, unless there is nothing to tell yet."""
        last, rows = len(self._places), self._files[name]
        ordered = sorted(rows, key=lambda key: self._places.get(key[:_PLACED], last))
        if ordered:
            write_csv(self.out / f"{name}.csv", [rows[key] for key in ordered])


def _tuned(spec: Spec) -> tuple[Any, ...]:
    return spec["arm"], spec["budget"], spec["lr"]


def _referred(spec: Spec) -> tuple[Any, ...]:
    return spec["subnet"], spec["seed"], spec["settings"]["training"]["steps"]


def _read(path: Path) -> list[Row]:
    """The rows of a file, none if it is not there."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            {key: _value(key, text) for key, text in row.items()} for row in csv.DictReader(file)
        ]


def _value(column: str, text: str) -> Any:
    """The number or truth value that a text is, None for an empty one."""
    if column in ("architecture", "arm", "subnet", "task", "measure"):
        return text
    if text in ("True", "False", "", "nan"):
        return {"True": True, "False": False, "": None, "nan": float("nan")}[text]
    return json.loads(text)


def _check_same(out: Path, rows: Rows, references: Sequence[Row]) -> None:
    """Refuse to mix rows of a study with those of another one.

    Raises:
        ValueError: naming the file and what differs.
    """
    known = {label: row["architecture"] for label, row in rows.subnets.items()}
    other = [r["subnet"] for r in references if known.get(r["subnet"]) != r["architecture"]]
    steps = {r["steps"] for r in references} - {rows.steps_alone, 2 * rows.steps_alone}
    if other or steps:
        raise ValueError(
            f"{out / 'references.csv'} is of another study: expected the subnets {list(known)} after {rows.steps_alone} "
            f"or twice as many steps, got others for {sorted(set(other))} and after {sorted(steps)} steps. Give another folder "
            f"by out=FOLDER, or begin anew by keep=false."
        )
