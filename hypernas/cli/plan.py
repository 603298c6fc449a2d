"""hypernas plan."""

import sys
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from hypernas.cli.plain import plain
from hypernas.planning import Plan
from hypernas.runs.console import say
from hypernas.runs.plan import check_files, planned, write


def plan_command(config: DictConfig) -> None:
    """Print times and the heaviest links under each scheme, and what to do; write loads and splits."""
    settings = plain(config)
    out, overwrite = settings["out"], settings["overwrite"]
    if out is not None:
        check_files(Path(out), overwrite=overwrite)
    made, num_bytes = planned(settings)
    console = Console() if sys.stdout.isatty() else Console(width=150)
    given = f"{num_bytes:,.0f}" if isinstance(num_bytes, int | float) else f"{sum(num_bytes):,.0f}"
    collective = settings["collective"]["_target_"].rpartition(".")[2]
    console.print(_table(made, f"{collective}, {made.num_ranks:,} ranks, {given} bytes"))
    say(console, f"advice: {made.advice}")
    if out is not None:
        write(Path(out), made, overwrite=overwrite)
        say(console, f"written to {out}")


def _table(made: Plan, title: str) -> Table:
    about = (
        "load model, no simulation of packets: without latency and congestion, nothing is faster"
    )
    table = Table(title=title, caption=about)
    for name in ("scheme", "which flows go where", "seconds", "spraying = 1", "slowest links"):
        table.add_column(name)
    table.add_column("pieces a flow", justify="right")
    for row, outcome in zip(made.rows(), made.outcomes, strict=True):
        figures = f"{row['seconds']:.4g}", f"{row['relative']:.2f}", row["heaviest"]
        pieces = "packets" if row["scheme"] == "spraying" else f"{row['pieces_per_flow']:.3g}"
        table.add_row(row["scheme"], outcome.scheme.about, *figures, pieces)
    return table
