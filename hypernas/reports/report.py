"""The report of studies and runs: tables in Markdown files, figures, and one page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from hypernas.reports.figure import Figure
from hypernas.reports.kinds import OWN, section_of
from hypernas.reports.markdown import Refreshed, refreshed
from hypernas.reports.page import page
from hypernas.reports.run.folder import Run, is_run, read_run
from hypernas.reports.run.section import section_of as section_of_runs
from hypernas.reports.section import Part, Section
from hypernas.reports.study import README, RESULTS, open_study
from hypernas.runs import phases
from hypernas.runs.trust import Trusted, trusted_names
from hypernas.storage.files import holds, write_changed

_PAGE = "report.html"


@dataclass(frozen=True)
class Report:
    """Files that a report wrote, or with `check` what it found.

    Attributes:
        tables: the Markdown files.
        figures: folder -> the names of figures written there.
        page: the file, if it was written.
        lacking: run -> why there are no gates of it.
        wrong: with `check`, a line for each table that is not up to date or not of the studies.
    """

    tables: list[Refreshed]
    figures: dict[Path, list[str]] = field(default_factory=dict)
    page: Path | None = None
    lacking: dict[Path, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def report(
    paths: Sequence[str | PathLike[str]],
    *,
    into: Sequence[str | PathLike[str]] = (),
    out: str | PathLike[str] | None = None,
    check: bool = False,
    trust: bool | Trusted = False,
    overwrite: bool = False,
) -> Report:
    """Write, or with `check` compare, what studies and runs come to.

    Tables go into each study's README.md and the files `into`, where these have markers; figures into
    `figures/` of a study and `report/` of a run; the page beside them.

    Args:
        paths: folders of studies, CSV files, and folders of runs or growths.
        into: further Markdown files.
        out: where the page goes.
        check: write nothing.
        trust: what else than the code of hypernas and torch may be run: "section.py", which True means
            too, for studies that have one, and modules that settings of runs may import.
        overwrite: replace a page and figures that were made of something else.

    Raises:
        FileExistsError: naming the page and figures that would be replaced; nothing is written then.
        FileNotFoundError: if one of the files or folders is not there.
        ValueError: if a file is broken, or a marker asks for a table that there is not.
    """
    names = trusted_names([OWN] if trust is True else trust or None)
    given = list(dict.fromkeys(run for path in paths for run in _runs_of(Path(path))))
    folders = [path for path in given if is_run(path)]
    studies = _studies([path for path in given if path not in folders], trust=OWN in names)
    more = [Path(path) for path in into]
    done = _refreshed(studies, more)
    if check:
        wrong = [f"{d.path}: {name} is not up to date" for d in done for name in d.stale]
        wrong += [
            f"{d.path}: {name} is not of the studies given"
            for d in done
            for name in d.strange
            if d.path in more
        ]
        return Report(done, wrong=wrong)
    file = _page_of(given, Path(out) if out is not None else None)
    runs = [read_run(folder, trust=names) for folder in folders]
    drawn, files, sections = _draw(studies, runs, file)
    title = sections[0].title if len(sections) == 1 else "Studies and runs"
    files[file] = page(sections, title=title).encode()
    _check_replaced(files, overwrite)
    files = {one.path: one.text.encode() for one in done} | files
    for path, data in files.items():
        write_changed(path, data)
    return Report(done, drawn, file, {run.folder: run.lacks for run in runs if run.lacks})


def _runs_of(path: Path) -> list[Path]:
    """The phases of a growth; any other path is itself."""
    return [path / phase.name for phase in phases.read(path)] or [path]


def _studies(paths: Sequence[Path], *, trust: bool) -> dict[Path, Section]:
    """The section of each study, by its CSV file."""
    studies = [open_study(path) for path in paths]
    for study in studies:
        if twins := [str(s.path) for s in studies if s.name == study.name and s != study]:
            raise ValueError(
                f"two studies are called {study.name!r}: {study.path} and {twins[0]}. Markers and the "
                f"page tell studies apart by name: rename one, or report them one by one."
            )
    return {study.path: section_of(study, trust=trust) for study in studies}


def _refreshed(studies: dict[Path, Section], into: Sequence[Path]) -> list[Refreshed]:
    own: dict[Path, Section | None] = {}  # Markdown file -> the section its markers mean
    for path, section in studies.items():
        readme = path.parent / README
        if readme.is_file() and readme not in own:
            own[readme] = section if path.name == RESULTS else None
    there = {path.resolve() for path in own}
    own |= {path: None for path in into if path.resolve() not in there}
    named = {section.name: section for section in studies.values()}
    return [refreshed(path, section, named) for path, section in own.items()]


def _page_of(paths: Sequence[Path], out: Path | None) -> Path:
    """File of the page."""
    if out is not None:
        if not out.absolute().parent.is_dir():
            raise FileNotFoundError(f"--out {out}: there is no folder {out.parent}.")
        return out
    if len(paths) > 1:
        return Path(_PAGE)
    (path,) = paths
    if is_run(path):
        return path / "report" / _PAGE
    return (path if path.is_dir() else path.parent) / _PAGE


def _draw(
    studies: dict[Path, Section], runs: Sequence[Run], file: Path
) -> tuple[dict[Path, list[str]], dict[Path, bytes], list[Section]]:
    """Draw the figures; those of several runs each in its own folder, overlaid beside the page.

    Returns:
        Their names by folder, the contents of their files, and all sections.
    """
    each = [section_of_runs([run]) for run in runs]
    drawn = [(path.parent / "figures", section.parts) for path, section in studies.items()]
    drawn += [(run.folder / "report", s.parts) for run, s in zip(runs, each, strict=True)]
    if len(runs) > 1:
        each = [section_of_runs(runs)]
        drawn.append((file.parent / "figures", each[0].parts[:1]))
    figures = {folder: _figures(parts) for folder, parts in drawn}
    names = {folder: [one.name for one in own] for folder, own in figures.items() if own}
    files = {
        p: x for folder, own in figures.items() for one in own for p, x in one.files(folder).items()
    }
    return names, files, [*studies.values(), *each]


def _figures(parts: Sequence[Part]) -> list[Figure]:
    return [figure for part in parts for figure in part.figures]


def _check_replaced(files: Mapping[Path, bytes], overwrite: bool) -> None:
    """Refuse to replace what was made of something else."""
    other = [str(path) for path, data in files.items() if path.exists() and not holds(path, data)]
    if other and not overwrite:
        raise FileExistsError(
            f"{', '.join(other)} would be replaced, and is of earlier results or of something else: give "
            f"--overwrite, or move it away."
        )
