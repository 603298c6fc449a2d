"""Folders and commands as people can type them."""

import hashlib
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

_PLAIN = re.compile(r"(?!(null|true|false|inf|nan)$)[A-Za-z_/][\w./-]*", re.ASCII | re.IGNORECASE)
_LONGEST = 120  # characters of a folder's name, which systems of files limit to 255 bytes


def shown(folder: Path) -> Path:
    """A folder from where the user is, if it is inside."""
    try:
        return folder.relative_to(Path.cwd())
    except ValueError:
        return folder


def next_steps(text: str, folder: Path) -> str:
    """A text for people to copy commands from.

    It may hold {folder}; {quoted}, that folder as the value of a setting, as in run={quoted};
    {path}, the same as an argument of another program; and {bin} for where our commands are.
    """
    name = str(shown(folder))
    quoted, path = shlex.quote(value(name)), shlex.quote(name)
    return text.format(folder=name, quoted=quoted, path=path, bin=_bin())


def value(text: str) -> str:
    """A text as Hydra reads it as the value of a setting, whatever characters it holds."""
    if _PLAIN.fullmatch(text):
        return text
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text).replace("${", "\\${")
    end = re.search(r"\\*$", escaped)
    return f'"{escaped}{end[0] if end else ""}"'


def folder_name(overrides: str) -> str:
    """The name of a folder of a sweep: its overrides, in characters that need no quotes.

    What is left out or cut off has a digest in its place, so that two names never become one.
    """
    plain = re.sub(r"[^\w.=,-]+", "", overrides, flags=re.ASCII).replace("=", "-").replace(",", "_")
    if re.fullmatch(r"[\w.=,-]*", overrides, re.ASCII) and len(plain) <= _LONGEST:
        return plain
    digest = hashlib.sha256(overrides.encode()).hexdigest()[:8]
    return f"{plain[:_LONGEST]}_{digest}"


def _bin() -> str:
    """The folder to write before our commands, where the path lacks them."""
    if shutil.which("hypernas"):
        return ""
    return shlex.quote(os.path.relpath(Path(sys.executable).parent)) + os.sep
