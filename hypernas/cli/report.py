"""hypernas report."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

_ABOUT = """hypernas report: tables, figures and one page, made of studies and runs.

  hypernas report experiments/gap_conv1d                   a study: a folder with results.csv, or a CSV file
  hypernas report runs/A runs/B                            runs of hypernas train, their curves overlaid
  hypernas report runs/GROWTH                              the phases of hypernas grow
  hypernas report experiments/* --trust --into docs/results.md --check   is every table up to date?

A study's README.md gets the tables for which it has markers, each alone on its line:

  <!-- report: gap -->
  <!-- end -->

Another Markdown file (--into) names the study as well: <!-- report: digits/table -->. Figures go into
figures/ in the folder of a study and report/ in that of a run, and the page beside them as report.html;
that of several paths into the current folder. The page is one file and fetches nothing.

What results are is told by their columns. A study of its own kind has a section.py beside its results.csv,
whose function section(study) returns tables and figures (see experiments/digits); it is run with --trust.
What settings of runs name beside hypernas and torch is imported with --trust=my_module (or =mine,other).
"""


_SECTIONS = "--trust=section.py"  # without a value, which may not be a path that follows


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}. See hypernas report --help.")


def report(arguments: Sequence[str]) -> None:
    """Write, or with --check compare, what studies and runs come to."""
    options = _options(arguments)
    import hypernas.reports as reports  # slow to load, for matplotlib and pandas

    done = reports.report(**vars(options))
    for folder, why in done.lacking.items():
        print(f"{folder}: no gates ({why})", file=sys.stderr)
    if done.wrong:
        print("\n".join(done.wrong), file=sys.stderr)
        sys.exit(1)
    if options.check:
        files = ", ".join(str(found.path) for found in done.tables)
        print(f"up to date: {files or 'no Markdown file given'}")
        return
    for found in done.tables:
        if found.stale:
            print(f"tables    {found.path}: {', '.join(found.stale)}")
    for folder, names in done.figures.items():
        print(f"figures   {folder}: {', '.join(names)}")
    print(f"page      {done.page}")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="hypernas report",
        usage=argparse.SUPPRESS,
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a study or a run")
    parser.add_argument(
        "--into",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a further Markdown file with markers; can be given again",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the page goes")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit with status 1 if a table is not up to date, and name it",
    )
    parser.add_argument(
        "--trust",
        action="extend",
        default=[],
        type=lambda names: names.split(","),
        metavar="NAMES",
        help="run the code of studies that have a section.py; =NAMES: import these modules for runs",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace pages and figures")
    return parser.parse_args([_SECTIONS if a == "--trust" else a for a in arguments])
