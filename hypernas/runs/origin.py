"""Origin of a search's values: the generators that were judged, and how."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from hypernas.data import num_examples
from hypernas.generators import Generator
from hypernas.runs.judges import Judges
from hypernas.runs.load import Run
from hypernas.search.judge import Judge
from hypernas.storage.seal import read_sealed, write_sealed

ORIGIN = "origin.json"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """All that the recorded values of a search depend on, beside the architectures.

    Attributes:
        run, step: for people to read: a run may be moved.
        weights: a digest of the state of each generator that is judged, those of earlier checkpoints too.
        data, examples: name of the data, examples of their validation split.
        calibration_batches, halving: of the judge.
        costs: settings of those that are measured.
    """

    run: str
    step: int
    weights: list[str]
    data: str
    examples: int
    calibration_batches: int
    costs: Mapping[str, Any]
    halving: float | None = None

    @staticmethod
    def of(run: Run, judge: Judge, judges: Judges, costs: Mapping[str, Any]) -> "Origin":
        """The origin of what a judge of a run says."""
        return Origin(
            run=str(run.folder),
            step=run.step,
            weights=[digest(generator) for generator in judge.generators],
            data=run.data.name,
            examples=num_examples(run.data.validation),
            calibration_batches=judges.calibration_batches,
            costs=costs,
            halving=judges.halving,
        )

    def check(self, folder: Path) -> None:
        """Refuse a folder whose values have another origin; one that tells of none is refused by nobody.

        Raises:
            ValueError: naming all that differs.
        """
        path = folder / ORIGIN
        if not path.is_file():
            return
        try:
            then = dict(read_sealed(path))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} does not tell what was judged: {error}.") from None
        now = json.loads(json.dumps(asdict(self)))
        compared = [name for name in now if name not in ("run", "step")]
        changed = [
            f"{name}: {then.get(name)} then, {now[name]} now"
            for name in compared
            if then.get(name) != now[name]
        ]
        if changed:
            raise ValueError(
                f"{folder} holds values of something else, which must not be mixed with new ones: they are of "
                f"step {then.get('step')} of {then.get('run') or 'a run without a folder'}, and this is step "
                f"{self.step} of {self.run}.\n  "
                + "\n  ".join(changed)
                + "\nSearch in another folder."
            )

    def write(self, folder: Path) -> None:
        """Write it into a folder."""
        write_sealed(folder / ORIGIN, asdict(self))


def digest(generator: Generator) -> str:
    """A digest of a generator's state, the same on every device."""
    content = hashlib.sha256()
    for name, value in sorted(generator.state_dict().items()):
        content.update(name.encode())
        if isinstance(value, torch.Tensor):
            plain = value.detach().cpu().contiguous().reshape(-1)
            content.update(f"{value.dtype} {list(value.shape)}".encode())
            content.update(plain.view(torch.uint8).numpy().tobytes())
    return content.hexdigest()[:24]
