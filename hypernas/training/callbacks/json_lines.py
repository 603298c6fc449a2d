"""A run's figures as a file of JSON lines."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from hypernas.generators import Generator
from hypernas.storage.files import write_whole
from hypernas.training.callbacks.monitor import Monitor, Subnets


class JsonLines(Monitor):
    """Appends a line for every report; a resumed run first drops the lines after its checkpoint.

    Lines of training have `step` and figures; those of validation `step`, `subnet`, `architecture`
    and measures.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def begin(self, *, step: int, steps: int) -> None:
        kept = []
        if step and self.path.exists():
            for line in self.path.read_text().splitlines():
                try:
                    record = json.loads(line)
                except json.JSONDecodeError:  # cut short by a kill
                    continue
                if record["step"] <= step:
                    kept.append(line)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, "".join(f"{line}\n" for line in kept))

    def step(self, step: int, values: Mapping[str, float]) -> None:
        self._append({"step": step, **values})

    def validation(
        self,
        step: int,
        subnets: Subnets,
        generator: Generator,
    ) -> None:
        for label, (architecture, measures) in subnets.items():
            self._append(
                {"step": step, "subnet": label, "architecture": dict(architecture), **measures}
            )

    def end(self, final: Mapping[str, float]) -> None:
        """Nothing is held back, so there is nothing to finish."""

    def _append(self, record: Mapping[str, object]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")
