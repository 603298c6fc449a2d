"""The folder of a growth: a run for each phase, and what each has cost."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hypernas.runs.console import next_steps
from hypernas.storage.seal import Altered, read_sealed, write_sealed

_PHASES = "phases.json"


@dataclass
class Phase:
    """One phase, as it stands in the folder's file.

    Attributes:
        name: of its folder.
        steps: that it takes in all.
        step_flops: of one step, generation included.
        train_flops: of this phase and those before it, once it is over.
        before, after: measures on validation at its first step and at its end.
    """

    name: str
    steps: int
    step_flops: float
    train_flops: float
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        measures = ", ".join(
            f"{name} {self.before[name]:.4f} -> {value:.4f}" for name, value in self.after.items()
        )
        return f"{self.name}: {measures} after {self.train_flops:.3g} FLOPs in all"


def write(folder: Path, phases: Sequence[Phase]) -> None:
    """Write the phases of a growth into its folder."""
    write_sealed(folder / _PHASES, {"phases": [asdict(phase) for phase in phases]})


def read(folder: Path) -> list[Phase]:
    """The phases of a growth; none where there is no growth in the folder.

    Raises:
        ValueError: if the file is not what was written.
    """
    path = folder / _PHASES
    if not path.is_file():
        return []
    found = read_sealed(path)
    try:
        entries = (
            found if isinstance(found, list) else found["phases"]
        )  # a list in earlier versions
        return [Phase(**entry) for entry in entries]
    except (KeyError, TypeError) as error:
        raise Altered(f"{path} does not hold the phases of a growth: {error!r}.") from None


def holds_growth(folder: Path) -> bool:
    """True if a growth was started there, be it that no phase has begun."""
    return (folder / _PHASES).is_file()


def growth_around(folder: Path) -> Path | None:
    """The growth that a folder holds, or of which it is a phase."""
    if holds_growth(folder):
        return folder
    around = folder.resolve().parent
    return around if folder.resolve().name in [phase.name for phase in read(around)] else None


def latest(folder: Path) -> Path:
    """The run to take for a folder: itself, or the last phase of a growth that has begun.

    Raises:
        FileNotFoundError: if it is a growth of which none has.
    """
    begun = [folder / phase.name for phase in read(folder)]
    if holds_growth(folder) and not begun:
        raise FileNotFoundError(
            next_steps(
                "{folder} holds a growth of which no phase has begun yet: go on with it by hypernas "
                "grow resume={quoted}.",
                folder,
            )
        )
    return begun[-1] if begun else folder
