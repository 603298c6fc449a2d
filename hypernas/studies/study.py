"""Studies: generators compared at equal compute, against stand-alone training."""

import csv
from pathlib import Path

from rich.console import Console

from hypernas.border import checked
from hypernas.runs.console import say
from hypernas.runs.settings import Settings, check_there
from hypernas.storage.lock import held
from hypernas.studies.composer import Composer
from hypernas.studies.jobs import Jobs
from hypernas.studies.ledger import FILES, Ledger
from hypernas.studies.plan import Plan
from hypernas.studies.work import work
from hypernas.training import Interrupted

_KEYS = (
    *("study", "scale", "arms", "seeds", "budgets", "split", "workers", "device", "out", "work"),
)


@checked
def study(settings: Settings, compose: Composer, *, console: Console | None = None) -> Path:
    """Run what is missing of a study, and write its CSV files whenever a part of it is there.

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
        keep = bool(settings.get("keep"))
        _check_kept(out, plan, overwrite=keep or bool(settings.get("overwrite")))
        with held(out):
            say(console, plan.text())
            try:
                _run(plan, jobs, Ledger(out, plan.rows, keep=keep), console)
            except KeyboardInterrupt:
                raise Interrupted("stopped; the same command goes on from here") from None
    say(console, f"written to {out}")
    return out


def _run(plan: Plan, jobs: Jobs, ledger: Ledger, console: Console) -> None:
    uncounted = plan.uncounted()  # what cannot be counted cannot be trained, and is told of first
    plan.lengths.know(uncounted, jobs.run("lengths of trainings", uncounted))
    ledger.tune(jobs, "tuning stand-alone training", plan.alone_trials())
    specs = plan.alone(plan.best_alone(ledger.rows("tuning")))
    lost = ledger.refer(jobs, "stand-alone training", specs)
    ledger.tune(jobs, "tuning", plan.trials())
    lrs = {budget: plan.best_for(budget, ledger.rows("tuning")) for budget in plan.budgets}
    for budget, chosen in lrs.items():
        told = ", ".join(f"{arm} {lr}" for arm, lr in chosen.items())
        say(console, f"learning rates of {plan.told['learning_rates']}, budget {budget}: {told}")
    for budget in plan.budgets:
        ledger.compare(jobs, f"budget {budget}", plan.cells(lrs[budget], budget))
    if set(plan.arms) - {row["arm"] for row in ledger.rows("cost")}:
        (ratios,) = jobs.run("time of a step", [plan.cost()], alone=True)
        memory = dict(zip(plan.arms, jobs.run("memory", plan.memory(), alone=True), strict=True))
        ledger.weigh(ratios, memory)
    lost += [
        f"{row['arm']}, budget {row['budget']}, seed {row['seed']}, lr {row['lr']}"
        for row in ledger.rows("runs")
        if row["diverged"]
    ]
    for label in lost:
        say(console, f"diverged, and left out: {label}")


def _check_folder(out: Path, task: str) -> None:
    """Refuse to write over what is not an earlier state of this study.

    Raises:
        FileExistsError: naming the file.
    """
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"out={out} is a file: give a folder.")
    for path in (out / f"{name}.csv" for name in FILES):
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
