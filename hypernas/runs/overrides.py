"""Overrides of a command line that lie in the folder of a run, and come before those of today."""

import re
from collections.abc import Sequence

from hypernas.runs.config_files import configs
from hypernas.runs.folder import read_overrides

_KEY = re.compile(r"(\+\+|\+|~)?(?P<key>[A-Za-z_][\w.]*)(?P<place>@[\w.:]*)?", re.ASCII)
_FILES = re.compile(r"[\w\-]+|\[[\w\-, ]*\]|")  # of a group, which are no paths
_CALLED = re.compile(r"_target_['\"]?\s*[=:]\s*['\"]?([\w.]+)")
_NOT_OF_A_RUN = (
    "resume",
    "trust",
    "hydra",
)  # settings of the command that was given, not of what it made


def stored_overrides(folder: str, given: Sequence[str]) -> list[str]:
    """The overrides in a run's folder that a command may begin with.

    They may come from anyone, and Hydra, which reads them, calls what its own settings name, takes
    configuration files by path, and tells the environment: what could make it do so is refused.

    Args:
        given: today's arguments; what these set is not taken from the folder.

    Raises:
        FileNotFoundError: if the folder is not that of a run.
        ValueError: naming all that is refused.
    """
    today = {argument.partition("=")[0].lstrip("+~") for argument in given}
    stored, wrong = [], []
    for override in read_overrides(folder):
        key, _, value = override.partition("=")
        if key in _NOT_OF_A_RUN or key.startswith("hydra."):
            continue
        if why := _fault(key, value):
            if key.lstrip("+~") not in today:
                wrong.append(f"{override}: {why}")
            continue
        stored.append(override)
    if wrong:
        raise ValueError(
            f"{folder}/overrides.json holds what no settings of a run are:\n  "
            + "\n  ".join(wrong)
            + "\nGive these settings yourself, as key=value, or take a folder that hypernas wrote."
        )
    return stored


def called(arguments: Sequence[str]) -> set[str]:
    """The names that arguments give to be called."""
    return {name for argument in arguments for name in _CALLED.findall(argument)}


def _fault(key: str, value: str) -> str:
    """The reason why a stored override is not to be given to Hydra; empty if there is none."""
    found = _KEY.fullmatch(key)
    if found is None:
        return "expected a setting, as key=value"
    places = [found["key"], *(found["place"] or "").lstrip("@").split(":")]
    if any(place.split(".")[0] == "hydra" for place in places):
        return "settings of Hydra are not a run's"
    if re.search(r"\$\{[^}]*:", value):
        return "expected a value, and no reference to what is outside of the settings"
    if (configs() / found["key"]).is_dir() and not _FILES.fullmatch(value):
        return f"expected names of files of {found['key']}"
    return ""
