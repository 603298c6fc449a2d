"""Streams of tasks by settings, in a folder that holds all of it."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from hypernas.border import checked
from hypernas.continual import Course, Learned, Matrix, Method, Tasks
from hypernas.continual import learn as course_of
from hypernas.distributed.device import pick_device, use_threads
from hypernas.evaluation import write_csv
from hypernas.objectives import Objective
from hypernas.runs.assembly import part, space_of
from hypernas.runs.console import next_steps
from hypernas.runs.folder import check_resumed, read_settings, write_settings
from hypernas.runs.settings import Settings, check_there, check_whole, resolved
from hypernas.runs.train import Tell, silent
from hypernas.runs.trust import Trusted, check_trusted
from hypernas.sampling import Sampler
from hypernas.storage.lock import held
from hypernas.storage.manifest import check_parts, read_manifest, write_folder
from hypernas.storage.seal import Altered
from hypernas.storage.tensors import read_tensors, write_tensors

_KEYS = (
    *("data", "tasks", "space", "generator", "method", "sampling", "objective", "optimizer"),
    *("course", "arm", "seed"),
)
SCORES, TASKS = "results.csv", "tasks.csv"  # of a study, so that hypernas report reads them
_STATE, _TENSORS, _RECORD = "state", "state.safetensors", "record.json"

Rows = list[dict[str, Any]]


@dataclass
class Stream:
    """A stream of tasks and what learns it, as far as it has come.

    Attributes:
        learned: how many tasks are.
        scores, costs: rows of `results.csv` and `tasks.csv`.
        matrix: the scores of the first subnet.
    """

    tasks: Tasks
    method: Method
    objective: Objective
    sampler: Sampler
    course: Course
    arm: str
    seed: int
    learned: int = 0
    scores: Rows = field(default_factory=list)
    costs: Rows = field(default_factory=list)

    @property
    def matrix(self) -> Matrix:
        first = self.scores[0]["subnet"] if self.scores else None
        own = [row for row in self.scores if row["subnet"] == first]
        return Matrix({(row["after"], row["task"]): row["score"] for row in own})

    def take(self, found: Learned) -> None:
        """Add the rows of a task that was learned."""
        if found.task > 1:
            starts = {name: {found.task: score} for name, score in found.start.items()}
            self._add(found.task - 1, starts)
        self._add(found.task, found.scores)
        if not found.task:
            return
        self.learned, stored = found.task, self.method.stored()
        own = stored.tasks[-1] if stored.tasks else {}
        self.costs.append(
            {
                **self._keys(),
                "task": found.task,
                "network_bytes": self._network_bytes(),
                "shared_bytes": sum(stored.shared.values()),
                "task_bytes": sum(own.values()),
                "mask_code_bytes": stored.codes[-1] if stored.codes else 0,
                "mask_bit_bytes": stored.bits[-1] if stored.bits else 0,
                "total_bytes": stored.total(),
                "seconds": round(found.seconds, 3),
            }
        )

    def _add(self, after: int, scores: dict[str, dict[int, float]]) -> None:
        for subnet, own in scores.items():
            for task, score in own.items():
                row = {**self._keys(), "after": after, "task": task, "subnet": subnet}
                self.scores.append(row | {"measure": self.course.measure, "score": round(score, 6)})

    def _keys(self) -> dict[str, Any]:
        return {"stream": self.tasks.name, "arm": self.arm, "seed": self.seed}

    def _network_bytes(self) -> int:
        """Bytes of one network of the largest architecture in single precision."""
        with self.method.using(0) as generator:
            shapes = generator.subnet(generator.space.largest()).target.shapes
        return 4 * sum(shape.numel() for shape in shapes.values())


@checked
def learn(
    settings: Settings,
    folder: str | os.PathLike[str],
    *,
    resume: bool = False,
    overrides: Sequence[str] = (),
    tell: Tell = silent,
) -> Stream:
    """Learn the tasks of a stream one after another, in a folder, or go on after the last that was learned.

    Args:
        settings: nested plain values, with the keys that `hypernas continual --cfg job` prints.
        folder: of the stream: its settings, what was learned, and the tables.
        resume: go on. What comes of it is, bit for bit, what would have come without a stop.
        overrides: of a command line, to be kept.
        tell: is given a line for each task.

    Raises:
        FileExistsError: if the folder holds a stream, and that is not to be gone on with; or if another
            process works there.
        ValueError: if settings are wrong, or are not those of the stream.
    """
    settings, folder = resolved(settings), Path(folder)
    check_there(settings, *_KEYS)
    check_whole(settings, seed=0)
    with held(folder):
        if (folder / _STATE).exists() and not resume:
            raise FileExistsError(
                next_steps(
                    "{folder} already holds a stream of tasks: go on with it by resume={quoted}, or choose another folder "
                    "by hydra.run.dir=FOLDER.",
                    folder,
                )
            )
        if resume:
            check_resumed(settings, folder, overrides)
        use_threads(settings.get("threads"))
        stream = _stream(settings, pick_device(settings.get("device", "auto")))
        tell(f"{stream.tasks.num} tasks, {stream.tasks.name}; {stream.arm}")
        _restore(stream, folder / _STATE)
        write_settings(folder, settings, overrides)
        _write_tables(stream, folder)  # which a stop right after the state was written left behind
        for found in _course(stream, settings):
            stream.take(found)
            _save(stream, folder)
            if found.task:
                tell(_line(stream, found))
    return stream


@checked
def open_stream(folder: str | os.PathLike[str], *, trust: Trusted = None) -> Stream:
    """Open the folder of a stream: `stream.method.using(task)` gives the generator of a task.

    Args:
        trust: modules that its settings may import: see `hypernas.load`.

    Raises:
        FileNotFoundError: if the folder is none of a stream.
        Untrusted: if its settings name something else; nothing is imported then.
        Altered: if it is not what was written.
    """
    settings = read_settings(Path(folder))
    check_there(settings, *_KEYS)
    check_trusted(settings, trust, source=folder)
    stream = _stream(settings)
    _restore(stream, Path(folder) / _STATE)
    return stream


def _stream(settings: Settings, device: torch.device | str = "cpu") -> Stream:
    """The parts of a stream, before anything is learned."""
    tasks: Tasks = part(settings, "tasks")(data=part(settings, "data"))
    generator = part(settings, "generator")(space=space_of(settings, tasks.task(0)))
    generator.to(device)
    method = part(settings, "method")(generator=generator, num_tasks=tasks.num)
    return Stream(
        tasks,
        method,
        part(settings, "objective"),
        part(settings, "sampling"),
        Course(**settings["course"]),
        settings["arm"] or type(method).__name__,
        settings["seed"],
    )


def _course(stream: Stream, settings: Settings) -> Iterator[Learned]:
    return course_of(
        stream.method,
        stream.tasks,
        stream.objective,
        course=stream.course,
        optimizer=part(settings, "optimizer"),
        sampler=stream.sampler,
        seed=stream.seed,
        begin=stream.learned if stream.scores else None,
    )


def _save(stream: Stream, folder: Path) -> None:
    """Write what was learned, whole or not at all, and the tables of it."""
    state = stream.method.state()
    record = {"learned": stream.learned, "scores": stream.scores, "costs": stream.costs}
    write_folder(
        folder / _STATE,
        {
            _TENSORS: lambda write: write_tensors(write, state),
            _RECORD: lambda write: write(json.dumps(record).encode()),
        },
        {"learned": stream.learned},
    )
    _write_tables(stream, folder)


def _write_tables(stream: Stream, folder: Path) -> None:
    if stream.scores:
        write_csv(folder / SCORES, stream.scores)
    if stream.costs:
        write_csv(folder / TASKS, stream.costs)


def _restore(stream: Stream, place: Path) -> None:
    """Become what a folder holds, if it holds anything."""
    manifest = read_manifest(place)
    if manifest is None:
        return
    check_parts(place, manifest)
    try:
        record = json.loads((place / _RECORD).read_bytes())
        stream.learned, stream.scores = record["learned"], record["scores"]
        stream.costs = record["costs"]
        if stream.learned:
            stream.method.restore(read_tensors(place / _TENSORS))
    except (KeyError, TypeError, RuntimeError) as error:
        raise Altered(f"{place} does not hold what these settings learn: {error}.") from None


def _line(stream: Stream, found: Learned) -> str:
    """The words on a task that was learned."""
    first = next(iter(found.scores.values()))
    measure = stream.course.measure
    mean = sum(first.values()) / len(first)
    stored = stream.costs[-1]["total_bytes"] / stream.costs[-1]["network_bytes"]
    return (
        f"task {found.task} of {stream.tasks.num}: {measure} {first[found.task]:.4f}, {mean:.4f} on all so far; "
        f"{found.seconds:.1f} s, {stored:.2f} networks stored"
    )


def summary(stream: Stream) -> str:
    """The figures of a stream, in lines."""
    figures = {name.replace("_", " "): value for name, value in stream.matrix.figures().items()}
    return "\n".join(f"{name:<18}{value:.4f}" for name, value in figures.items())
