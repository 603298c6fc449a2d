"""The jobs of a sweep: each is done once, a failing one stops no other, and a table tells of all."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict
from rich.console import Console
from rich.table import Table

from hypernas.cli.plain import plain
from hypernas.cli.refusals import told_of
from hypernas.evaluation import MEASURES
from hypernas.runs.console import shown
from hypernas.runs.settings import OF_A_MACHINE, flat
from hypernas.storage.seal import Altered, digest, read_sealed, write_sealed

Figures = Mapping[str, float]
_FILE = "job.json"  # in the folder of a job: its state and what came of it
_DONE, _FAILED, _BEGUN = "finished", "failed", "begun, not finished"


def in_sweep() -> bool:
    """True in a job of a sweep."""
    return HydraConfig.get().mode == RunMode.MULTIRUN


def do(
    config: DictConfig,
    check: Callable[[DictConfig], None],
    function: Callable[[DictConfig], Figures | None],
) -> None:
    """Do a job of a sweep unless it is finished; go on with one that was begun.

    An error ends this job alone: the folder of the job keeps it, for the table at the end.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    job = _read(folder)
    try:
        check(config)
        settings = digest({k: v for k, v in flat(plain(config)).items() if k not in OF_A_MACHINE})
        if job.get("state") == _DONE and job.get("settings") == settings:
            return
        _write(folder, _BEGUN, settings=settings)
        if (folder / "settings.yaml").is_file():
            with open_dict(config):
                config.resume = str(folder)
        figures = function(config)
    except Exception as error:
        if os.environ.get("HYPERNAS_TRACEBACK"):
            raise
        told = told_of(error)
        print(f"hypernas: {shown(folder)}: {told}", file=sys.stderr)
        _write(folder, _FAILED, why=told)
    else:
        _write(folder, _DONE, settings=settings, figures=dict(figures or {}))


class Summary(Callback):
    """The table of a sweep's jobs, printed at its end; exits with status 2 if one failed."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        folder = Path(str(config.hydra.sweep.dir))
        jobs = {path.parent.name: _read(path.parent) for path in sorted(folder.glob(f"*/{_FILE}"))}
        console = Console() if sys.stdout.isatty() else Console(width=150)
        console.print(_table(folder, jobs))
        if failed := [name for name, job in jobs.items() if job.get("state") != _DONE]:
            told = "the same command goes on with these alone, if hydra.sweep.dir is this folder"
            of = f"{len(failed)} of {len(jobs)} jobs of {shown(folder)} are not finished"
            print(f"hypernas: {of}; {told}.", file=sys.stderr)
            sys.exit(2)


def _table(folder: Path, jobs: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row for each job: its state and figures, of which the best are marked."""
    names = dict.fromkeys(name for job in jobs.values() for name in job.get("figures", {}))
    best = {name: _best(name, jobs) for name in names}
    table = Table(title=f"{shown(folder)}: {len(jobs)} jobs", caption="* best of the sweep")
    for name in ("job", "state", *names):
        table.add_column(name.replace("_", " "), overflow="fold")
    for name, job in jobs.items():
        figures = job.get("figures", {})
        cells = [
            f"{figures[key]:.4f}{' *' if figures[key] == best[key] else ''}"
            if key in figures
            else ""
            for key in names
        ]
        table.add_row(name, _state(job), *cells)
    return table


def _state(job: Mapping[str, Any]) -> str:
    state = str(job.get("state", "unknown"))
    return f"{state}: {str(job['why']).splitlines()[0]:.60}" if job.get("why") else state


def _best(name: str, jobs: Mapping[str, Mapping[str, Any]]) -> float | None:
    """The best figure of a name; None for one of which it is not known which are better."""
    values = [job["figures"][name] for job in jobs.values() if name in job.get("figures", {})]
    if name not in MEASURES:
        return None
    return min(values) if MEASURES[name].lower_is_better else max(values)


def _read(folder: Path) -> dict[str, Any]:
    """A job's file; empty where there is none, or it was altered, so that the job is gone on with."""
    try:
        found = read_sealed(folder / _FILE)
    except (FileNotFoundError, Altered):
        return {}
    return found if isinstance(found, dict) else {}


def _write(folder: Path, state: str, **more: Any) -> None:
    write_sealed(folder / _FILE, {"state": state, **more})
