"""hypernas report."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from hypernas.runs import phases
from hypernas.runs.load import load
from hypernas.training.checkpoint import CheckpointError

if TYPE_CHECKING:
    from hypernas.reports import Part, Run, Section

_ABOUT = """hypernas report: tables, figures and one page, made of studies and runs.

  hypernas report experiments/gap_conv1d                   a study: a folder with results.csv, or a CSV file
  hypernas report runs/A runs/B                            runs of hypernas train, their curves overlaid
  hypernas report runs/GROWTH                              the phases of hypernas grow
  hypernas report experiments/* --trust --into README.md --check        is every table up to date?

A study's README.md gets the tables for which it has markers, each alone on its line:

  <!-- report: gap -->
  <!-- end -->

Another Markdown file (--into) names the study as well: <!-- report: digits/table -->. Figures go into
figures/ in the folder of a study and report/ in that of a run, and the page beside them as report.html;
that of several paths into the current folder. The page is one file and fetches nothing.

What results are is told by their columns. A study of its own kind has a section.py beside its results.csv,
whose function section(study) returns tables and figures (see experiments/digits); it is run with --trust.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}. See hypernas report --help.")


def report(arguments: Sequence[str]) -> None:
    """Write, or with --check compare, what studies and runs come to."""
    options = _options(arguments)
    from hypernas.reports import document, is_run, section_of_runs  # slow to load, for matplotlib
    from hypernas.storage.files import write_changed

    folders = [path for path in options.paths if is_run(path)]
    studies = _studies([path for path in options.paths if path not in folders], trust=options.trust)
    _refresh(studies, options.into, check=options.check)
    if options.check:
        return
    page = _page(options)
    runs = [_run(folder) for folder in folders]
    each = [section_of_runs([run]) for run in runs]
    for path, section in studies.items():
        _draw(section.parts, path.parent / "figures")
    for run, section in zip(runs, each, strict=True):
        _draw(section.parts, run.folder / "report")
    if len(runs) > 1:
        each = [section_of_runs(runs)]
        _draw(each[0].parts[:1], page.parent / "figures")  # the curves, overlaid
    sections = [*studies.values(), *each]
    title = sections[0].title if len(sections) == 1 else "Studies and runs"
    write_changed(page, document(sections, title=title).encode())
    print(f"page      {page}")


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
        "--trust", action="store_true", help="run the code of studies that have a section.py"
    )
    options = parser.parse_args(arguments)
    options.paths = list(dict.fromkeys(run for path in options.paths for run in _runs_of(path)))
    return options


def _runs_of(path: Path) -> list[Path]:
    """The phases of a growth; any other path is itself."""
    return [path / phase.name for phase in phases.read(path)] or [path]


def _studies(paths: Sequence[Path], *, trust: bool) -> dict[Path, "Section"]:
    """The section of each study, by its CSV file."""
    from hypernas.reports import open_study, section_of

    studies = [open_study(path) for path in paths]
    for study in studies:
        if twins := [str(s.path) for s in studies if s.name == study.name and s != study]:
            raise ValueError(
                f"two studies are called {study.name!r}: {study.path} and {twins[0]}. Markers and the "
                f"page tell studies apart by name: rename one, or report them one by one."
            )
    return {study.path: section_of(study, trust=trust) for study in studies}


def _refresh(studies: dict[Path, "Section"], into: Sequence[Path], *, check: bool) -> None:
    from hypernas.reports import Place, refresh
    from hypernas.reports.study import README, RESULTS

    places: dict[Path, Place] = {}
    for path, section in studies.items():
        readme = path.parent / README
        if readme.is_file():
            own = section if path.name == RESULTS else None
            places.setdefault(readme.resolve(), Place(readme, own))
    for path in into:
        places.setdefault(path.resolve(), Place(path))
    done = refresh(list(places.values()), list(studies.values()), check=check)
    if check:
        told = [f"{d.path}: {name} is not up to date" for d in done for name in d.stale]
        told += [
            f"{d.path}: {name} is not of the studies given"
            for d in done
            for name in d.strange
            if d.path in into
        ]
        if told:
            print("\n".join(told), file=sys.stderr)
            sys.exit(1)
        print(f"up to date: {', '.join(str(d.path) for d in done) or 'no Markdown file given'}")
        return
    for found in done:
        if found.stale:
            print(f"tables    {found.path}: {', '.join(found.stale)}")


def _run(folder: Path) -> "Run":
    from hypernas.reports import read_run

    run = read_run(folder)
    try:
        parts = load(folder)
    except CheckpointError as error:
        print(f"{folder}: no gates ({error})", file=sys.stderr)
        return run
    return replace(run, generator=parts.generator, inputs=parts.data.example(num=1))


def _page(options: argparse.Namespace) -> Path:
    """Where the page goes."""
    from hypernas.reports import is_run

    (first, *others), name = options.paths, "report.html"
    if options.out:
        if not options.out.absolute().parent.is_dir():
            raise FileNotFoundError(
                f"--out {options.out}: there is no folder {options.out.parent}."
            )
        return options.out
    if others:
        return Path(name)
    if is_run(first):
        return first / "report" / name
    return (first if first.is_dir() else first.parent) / name


def _draw(parts: Sequence["Part"], folder: Path) -> None:
    figures = [figure for part in parts for figure in part.figures]
    for figure in figures:
        figure.write(folder)
    if figures:
        print(f"figures   {folder}: {', '.join(figure.name for figure in figures)}")
