"""A run's figures as a file of JSON lines."""

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path

from hypernas.events import Begun, Event, Stepped, Validated
from hypernas.storage.files import write_whole
from hypernas.storage.seal import sealed_line, unsealed
from hypernas.training.callback import Callback
from hypernas.training.run import TrainingRun


class JsonLines(Callback):
    """Appends a line for every report; a resumed run first drops the lines after its checkpoint.

    Lines of training have `step` and figures; those of validation `step`, `subnet`, `architecture`
    and measures. Each ends with `sha256`, the first digits of its checksum; on resuming, altered lines are
    dropped with a warning.

    Args:
        path: of the file, in the folder of the run.
    """

    def __init__(self, path: str | os.PathLike[str] = "metrics.jsonl") -> None:
        self.path = path

    def __call__(self, run: TrainingRun, event: Event) -> None:
        path = run.path(self.path)
        match event:
            case Begun(step=step):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, "".join(f"{line}\n" for line in _until(path, step)))
            case Stepped(step=step, figures=figures) if figures is not None:
                _append(path, {"step": step, **figures})
            case Validated(step=step, subnets=subnets):
                for label, (architecture, measures) in subnets.items():
                    line = {"step": step, "subnet": label, "architecture": dict(architecture)}
                    _append(path, line | dict(measures))


def _until(path: Path, step: int) -> list[str]:
    """The lines of a file that are of this step or an earlier one; none before the first."""
    kept = []
    if step and path.exists():
        for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
            try:
                if unsealed(json.loads(line), path)["step"] <= step:
                    kept.append(line.decode().rstrip("\n"))
            except (ValueError, KeyError, TypeError) as error:
                if line.endswith(b"\n"):  # else it was cut short by a kill
                    warnings.warn(f"{path}, line {number} is left out: {error}", stacklevel=2)
    return kept


def _append(path: Path, record: Mapping[str, object]) -> None:
    with path.open("a") as file:
        file.write(sealed_line(record))
