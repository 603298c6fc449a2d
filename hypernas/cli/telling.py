"""How commands speak: plain lines on the console, and folders and commands as they can be typed."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf
from rich.console import Console


def say(console: Console, text: str) -> None:
    """Print a text as it is: not coloured, not wrapped, brackets are no markup."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def shown(folder: Path) -> Path:
    """A folder from where the user is, if it is inside."""
    try:
        return folder.relative_to(Path.cwd())
    except ValueError:
        return folder


def next_steps(text: str, folder: Path) -> str:
    """A text with {folder}, {quoted} for a shell, and {bin} for where our commands are."""
    return text.format(folder=shown(folder), quoted=shlex.quote(str(shown(folder))), bin=_bin())


def _groups(*names: str) -> str:
    """A line for each group of configurations: its name, and the files of which one is chosen."""
    loader = GlobalHydra.instance().config_loader()
    return "\n".join(f"{name}: {', '.join(loader.get_group_options(name))}" for name in names)


OmegaConf.register_new_resolver("hypernas.groups", _groups)  # for the help of commands


def _bin() -> str:
    """What to write before our commands: nothing, or where they are if the path lacks them."""
    if shutil.which("hypernas"):
        return ""
    return os.path.relpath(Path(sys.executable).parent) + os.sep
