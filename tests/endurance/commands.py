"""The commands that are killed: what each does in a folder, and what is left of it in the end."""

import json
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from process import typed
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_study import Here

import hypernas
from hypernas.runs.search import EVALUATIONS, FRONT, search
from hypernas.studies import Nested, jobs
from hypernas.training import checkpoint

_BASE: dict[str, Any] = {
    "data": {"_target_": "hypernas.data.digits"},
    "space": {
        "_target_": "hypernas.spaces.mlp",
        "_partial_": True,
        "depths": [1, 2],
        "widths": [8, 16],
    },
    "sampling": {"_target_": "hypernas.sampling.Uniform"},
    "objective": {"_target_": "hypernas.objectives.CrossEntropy"},
    "optimizer": {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.01},
    "schedule": {"_target_": "hypernas.schedules.Cosine"},
    "training": {
        "_target_": "hypernas.training.Training",
        "steps": 12,
        "batch_size": 32,
        "log_every": 5,
    },
    "callbacks": {
        "validation": {
            "_target_": "hypernas.training.callbacks.Validation",
            "num_subnets": 1,
            "every": 6,
        },
        "checkpoints": {"_target_": "hypernas.training.callbacks.Checkpoints", "every": 2},
        "lines": {"_target_": "hypernas.training.callbacks.JsonLines"},
        "events": {"_target_": "hypernas.training.callbacks.tensorboard.TensorBoard"},
    },
    "seed": 3,
    "device": "cpu",
    "threads": 1,
}
FAST = [  # the same run, as it is typed
    *("experiment=fast", "space.depths=[1,2]", "space.widths=[8,16]", "sampling=sandwich"),
    *(
        "training.steps=12",
        "training.batch_size=32",
        "training.log_every=5",
        "seed=3",
        "device=cpu",
    ),
    *("callbacks.validation.num_subnets=1", "callbacks.validation.every=6", "threads=1"),
    *("callbacks.checkpoints.every=2",),
]
GROWTH = [
    *("space=mlp", "space.depths=[1,2]", "space.widths=[8,16]", "members=[smallest,smallest]"),
    *(
        "member_training.steps=4",
        "training.steps=6",
        "training.log_every=5",
        "seed=3",
        "device=cpu",
    ),
    *(
        "calibration_batches=2",
        "callbacks.validation.num_subnets=1",
        "callbacks.validation.every=3",
    ),
    *("callbacks.checkpoints.every=2", "threads=1"),
]
_GENERATORS = ("shared", "hypernas", "mos_layer", "mos_neuron", "acdc", "Standalone")


def _training(generator: str) -> dict[str, Any]:
    target = f"hypernas.generators.{generator}"
    return {**_BASE, "generator": {"_target_": target, "_partial_": True, "seed": 3}}


class Command(ABC):
    """A command that goes on when it is given again."""

    def prepare(self, folder: Path) -> None:  # noqa: B027
        """Make, once, what it works on; most need nothing."""

    @abstractmethod
    def begin(self, folder: Path, *, resume: bool) -> None:
        """Do all of it, or the rest, in a folder."""

    @abstractmethod
    def end(self, folder: Path) -> dict[str, bytes]:
        """What must not depend on kills: name -> contents."""


class Train(Command):
    """Training, by whose last checkpoint all weights and the optimizer are told."""

    def __init__(self, generator: str) -> None:
        self.settings = _training(generator)

    def begin(self, folder: Path, *, resume: bool) -> None:
        hypernas.train(self.settings, folder, resume=resume)

    def end(self, folder: Path) -> dict[str, bytes]:
        return states(folder)


class Typed(Command):
    """A command as it is typed, that goes on by resume=."""

    def __init__(self, name: str, *overrides: str) -> None:
        self.name, self.overrides = name, overrides

    def begin(self, folder: Path, *, resume: bool) -> None:
        own = [f"resume={folder}"] if resume else [*self.overrides, f"hydra.run.dir={folder}"]
        typed(self.name, *own)

    def end(self, folder: Path) -> dict[str, bytes]:
        return states(folder)


class Grow(Command):
    """Growth of two members, by the last checkpoints of all phases."""

    def begin(self, folder: Path, *, resume: bool) -> None:
        own = {key: _BASE[key] for key in ("training", "optimizer", "schedule")}
        settings = {
            **{key: value for key, value in _BASE.items() if key != "sampling"},
            **{f"member_{key}": value for key, value in own.items()},
            "growth": {"_target_": "hypernas.growth.Recombine"},
            "members": ["smallest", "smallest"],
            "to": "largest",
            "keep_memory": True,
            "calibration_batches": 2,
        }
        hypernas.grow(settings, folder, resume=resume)

    def end(self, folder: Path) -> dict[str, bytes]:
        return states(folder)


class Search(Command):
    """Search of one run, by its evaluations and its front."""

    def prepare(self, folder: Path) -> None:
        self.run = hypernas.train(_training("shared"), folder / "run").folder

    def begin(self, folder: Path, *, resume: bool) -> None:
        settings = {
            "run": str(self.run),
            "search": {"_target_": "hypernas.search.Linas", "_partial_": True, "seed": 0},
            "objectives": ["accuracy", "parameters"],
            "constraints": {},
            "costs": {"parameters": {"_target_": "hypernas.cost.Parameters", "_partial_": True}},
            **{"evaluations": 10, "at_once": 4, "calibration_batches": 1, "checkpoints": 1},
            **{"processes": 1, "seed": 0, "device": "cpu", "threads": 1, "halving": None},
        }
        search(settings, folder, resume=resume)

    def end(self, folder: Path) -> dict[str, bytes]:
        return {name: (folder / name).read_bytes() for name in (EVALUATIONS, FRONT)}


class Evaluate(Command):
    """`hypernas evaluate` of a run, by its table."""

    def prepare(self, folder: Path) -> None:
        self.run = hypernas.train(_training("shared"), folder / "run").folder

    def begin(self, folder: Path, *, resume: bool) -> None:
        folder.mkdir(exist_ok=True)
        own = [f"out={folder}/table.csv", "subnets=1", "device=cpu", "threads=1"]
        typed("evaluate", f"run={self.run}", *own, f"overwrite={str(resume).lower()}")

    def end(self, folder: Path) -> dict[str, bytes]:
        return {"table.csv": (folder / "table.csv").read_bytes()}


class Export(Command):
    """`hypernas export` of a run's smallest subnet, by its file."""

    def prepare(self, folder: Path) -> None:
        self.run = hypernas.train(_training("shared"), folder / "run").folder

    def begin(self, folder: Path, *, resume: bool) -> None:
        folder.mkdir(exist_ok=True)
        own = ["architecture=smallest", f"out={folder}/net.safetensors"]
        typed("export", f"run={self.run}", *own, f"overwrite={str(resume).lower()}")

    def end(self, folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(folder.glob("net.*"))}


class Report(Command):
    """`hypernas report` of a copy of a run, by its figures, which tell the folder's name: by their names and ends."""

    def prepare(self, folder: Path) -> None:
        self.run = hypernas.train(_training("shared"), folder / "run").folder

    def copy(self, folder: Path) -> None:
        """Make the copy, unless it is there, aside: it is no part of what is tried."""
        if not folder.exists():
            aside = folder.with_name(f"{folder.name}.copy")
            shutil.copytree(self.run, aside)
            aside.rename(folder)

    def begin(self, folder: Path, *, resume: bool) -> None:
        self.copy(folder)
        typed("report", str(folder), *(["--overwrite"] if resume else []))

    def end(self, folder: Path) -> dict[str, bytes]:
        found = [path for path in sorted((folder / "report").rglob("*")) if path.suffix == ".svg"]
        return {path.name: path.read_bytes()[-16:] for path in found}


class Study(Command):
    """A study of one arm, by the tables that are not of times; its jobs are done in one process."""

    def begin(self, folder: Path, *, resume: bool) -> None:
        jobs.ProcessPoolExecutor = Here
        told = {
            **{"name": "tiny", "measure": "accuracy", "settings": [], "supernet": [], "recipe": []},
            **{"arms": {"shared": []}, "learning_rates": [0.01], "tuning": {1: [1000]}},
            **{"budgets": [1], "last_budget": {}, "seeds": [0, 1], "subnets": 2},
            **{"reference_steps": 4, "plateau_subnets": 1},
        }
        settings = dict.fromkeys(("arms", "seeds", "budgets"))
        settings |= {"study": told, "scale": "cpu", "split": "test", "device": "cpu", "workers": 1}
        settings |= {"out": str(folder / "out"), "work": str(folder / "work")}
        hypernas.study(settings, Nested(_training("shared")))

    def end(self, folder: Path) -> dict[str, bytes]:
        names = ("results.csv", "references.csv")
        return {name: (folder / "out" / name).read_bytes() for name in names}


COMMANDS: dict[str, Command] = {
    **{f"train {name}": Train(name) for name in _GENERATORS},
    "typed train": Typed("train", *FAST),
    "typed grow": Typed("grow", *GROWTH),
    "grow": Grow(),
    "search": Search(),
    "study": Study(),
}


def states(folder: Path) -> dict[str, bytes]:
    """The last checkpoints in a folder, but for their manifests, and the logs beside them."""
    found = {}
    for place in sorted(folder.rglob("checkpoints")):
        newest = checkpoint.newest(place).folder
        for file in ("state.safetensors", "state.json"):
            name = f"{place.parent.relative_to(folder)}/{newest.name}/{file}"
            found[name] = (newest / file).read_bytes()
    for lines in sorted(folder.rglob("metrics.jsonl")):
        found[str(lines.relative_to(folder))] = lines.read_bytes()
        found[f"events of {lines.parent.relative_to(folder)}"] = _scalars(lines.parent)
    return found


def _scalars(folder: Path) -> bytes:
    """The figures that TensorBoard shows of the event files of a folder, each with its step."""
    shown = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    shown.Reload()
    found = {
        tag: [(event.step, event.value) for event in shown.Scalars(tag)]
        for tag in sorted(shown.Tags()["scalars"])
        if tag.startswith(("train/", "validation/"))
    }
    return json.dumps(found).encode()
