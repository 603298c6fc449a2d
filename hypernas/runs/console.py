"""Lines on a console, with folders and commands as people can type them."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hypernas.runs.trust import argument

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN = re.compile(r"(?!(null|true|false|inf|nan)$)[A-Za-z_/][\w./-]*", re.ASCII | re.IGNORECASE)


def say(console: "Console", text: str) -> None:
    """Print a text as it is: not coloured, not wrapped, brackets are no markup."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def shown(folder: Path) -> Path:
    """A folder from where the user is, if it is inside."""
    try:
        return folder.relative_to(Path.cwd())
    except ValueError:
        return folder


def next_steps(
    text: str, folder: Path, *, run: Path | None = None, trust: Sequence[str] = ()
) -> str:
    """A text for people to copy commands from.

    It may hold {folder}; {quoted}, that folder as the value of a setting, as in run={quoted};
    {path}, the same as an argument of another program; and {bin} for where our commands are. If there
    is a run, {run} and {run_path} are its folder as {quoted} and {path} are; {trust} is the argument, after a
    space, that trusts some modules.
    """
    name = str(shown(folder))
    of_run = name if run is None else str(shown(run))
    return text.format(
        folder=name,
        quoted=shlex.quote(value(name)),
        path=shlex.quote(name),
        run=shlex.quote(value(of_run)),
        run_path=shlex.quote(of_run),
        bin=_bin(),
        trust=f" {argument(trust)}" if trust else "",
    )


def value(text: str) -> str:
    """A text as Hydra reads it as the value of a setting, whatever characters it holds."""
    if _PLAIN.fullmatch(text):
        return text
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text).replace("${", "\\${")
    end = re.search(r"\\*$", escaped)
    return f'"{escaped}{end[0] if end else ""}"'


def _bin() -> str:
    """The folder to write before our commands, where the path lacks them."""
    if shutil.which("hypernas"):
        return ""
    return shlex.quote(os.path.relpath(Path(sys.executable).parent)) + os.sep
