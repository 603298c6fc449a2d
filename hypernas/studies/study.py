"""Studies: generators compared at equal compute, against stand-alone training."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from hypernas.border import checked
from hypernas.evaluation import write_csv
from hypernas.runs.console import say
from hypernas.runs.settings import Settings, check_there
from hypernas.storage.lock import held
from hypernas.studies.composer import Composer
from hypernas.studies.jobs import Jobs
from hypernas.studies.plan import Plan
from hypernas.studies.rows import Found, Row
from hypernas.studies.work import work
from hypernas.training import Interrupted

_KEYS = (
    *("study", "scale", "arms", "seeds", "budgets", "split", "workers", "device", "out", "work"),
)
_FILES = ("results", "references", "tuning", "runs", "stability", "cost")  # each NAME.csv


@checked
def study(settings: Settings, compose: Composer, *, console: Console | None = None) -> Path:
    """Run what is missing of a study, and write its CSV files after every stage.

    Args:
        settings: nested plain values, with the keys that `hypernas study --cfg job` prints.
        compose: layers of the study -> whole settings; `hypernas.studies.Nested` for nested values.
        console: where progress is shown; None for standard error.

    Returns:
        The folder of the files.

    Raises:
        ValueError: if a setting is wrong, or training diverged at every learning rate of an arm.
        FileExistsError: if the folder holds the results of something else, or of more than is asked for, or
            another process writes there.
        Interrupted: after Ctrl-C; what is done is kept.
    """
    check_there(settings, *_KEYS)
    console = console or Console(stderr=True)
    folder = Path(settings["work"])
    with Jobs(work, folder, workers=settings["workers"], console=console) as jobs:
        plan = Plan(settings, compose)
        out = Path(settings["out"])
        _check_folder(out, plan.rows.task)
        _check_kept(out, plan, overwrite=bool(settings.get("overwrite")))
        with held(out):
            say(console, plan.text())
            try:
                _run(plan, jobs, out, console)
            except KeyboardInterrupt:
                raise Interrupted("stopped; the same command goes on from here") from None
    say(console, f"written to {out}")
    return out


def _run(plan: Plan, jobs: Jobs, out: Path, console: Console) -> None:
    rows = plan.rows
    specs = plan.alone_trials()
    tuning = rows.tuning(_pair(specs, jobs.run("tuning stand-alone training", specs)))
    _write(out, "tuning", tuning)

    specs = plan.alone(plan.best_alone(tuning))
    references = _pair(specs, jobs.run("stand-alone training", specs))
    _write(out, "references", rows.references(references))

    specs = plan.trials()
    tuning += rows.tuning(_pair(specs, jobs.run("tuning", specs)))
    _write(out, "tuning", tuning)
    lrs = {budget: plan.best_for(budget, tuning) for budget in plan.budgets}
    for budget, chosen in lrs.items():
        told = ", ".join(f"{arm} {lr}" for arm, lr in chosen.items())
        say(console, f"learning rates of {plan.told['learning_rates']}, budget {budget}: {told}")

    found: list = []
    for budget in plan.budgets:  # what there is can be looked at while the rest is computed
        specs = plan.cells(lrs[budget], budget)
        found += _pair(specs, jobs.run(f"budget {budget}", specs))
        _write(out, "results", rows.results(found, references))
        _write(out, "runs", rows.runs(found))
        _write(out, "stability", rows.stability(found))

    (ratios,) = jobs.run("time of a step", [plan.cost()], alone=True)
    memory = dict(zip(plan.arms, jobs.run("memory", plan.memory(), alone=True), strict=True))
    _write(out, "cost", rows.cost(ratios, memory, found))

    lost = [spec["label"] for spec, result in references if result is None]
    lost += [spec["label"] for spec, result in found if result["diverged"]]
    for label in lost:
        say(console, f"diverged, and left out: {label}")


def _pair(specs: Sequence, results: Iterable) -> Found:
    return list(zip(specs, results, strict=True))


def _write(out: Path, name: str, rows: Sequence[Row]) -> None:
    """One of the files, unless there is nothing to tell yet."""
    if rows:
        write_csv(out / f"{name}.csv", rows)


def _check_folder(out: Path, task: str) -> None:
    """Refuse to write over what is not an earlier state of this study.

    Raises:
        FileExistsError: naming the file.
    """
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"out={out} is a file: give a folder.")
    for path in (out / f"{name}.csv" for name in _FILES):
        if not path.exists():
            continue
        with path.open(newline="") as file:
            tasks = {row.get("task") for row in csv.DictReader(file)}
        if tasks != {task}:
            raise FileExistsError(
                f"{path} is not of a study of {task}: give another folder by out=FOLDER."
            )


def _check_kept(out: Path, plan: Plan, *, overwrite: bool) -> None:
    """Refuse to drop results of what is not asked for this time.

    Raises:
        FileExistsError: naming the arms, seeds and budgets.
    """
    path = out / "results.csv"
    if overwrite or not path.exists():
        return
    with path.open(newline="") as file:
        there = list(csv.DictReader(file))
    lost = {
        name: sorted({kind(row[name]) for row in there if row.get(name)} - set(map(kind, asked)))
        for name, kind, asked in (
            ("arm", str, plan.arms),
            ("seed", int, plan.seeds),
            ("budget", float, plan.budgets),
        )
    }
    if lost := {name: values for name, values in lost.items() if values}:
        raise FileExistsError(
            f"{path} has results of {lost}, which are not asked for now and would be lost: give another "
            f"folder by out=FOLDER, or overwrite=true."
        )
