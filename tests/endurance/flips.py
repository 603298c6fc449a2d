"""Flipped bits and cut ends in every kind of file that hypernas reads back.

A trial damages one file and reads it as the product does. It may be refused (a `ValueError` that names the
file), made again (a cache), or harmless (what is read is the same); what is read must never differ.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from training_runs import ADAMW, fit, short, space

from hypernas import generators
from hypernas.evaluation import references
from hypernas.latency.cache import Cache
from hypernas.latency.turns import Timing
from hypernas.predictors import Ridge
from hypernas.reports.run.folder import read_run
from hypernas.reports.run.searches import read_search
from hypernas.runs import phases
from hypernas.runs.folder import read_overrides, read_settings, write_settings
from hypernas.runs.origin import ORIGIN, Origin
from hypernas.runs.phases import Phase
from hypernas.search import Front, History
from hypernas.search.evaluated import Evaluated
from hypernas.search.problem import Objective
from hypernas.storage.seal import read_sealed, sealed_line, write_sealed
from hypernas.studies import jobs
from hypernas.training import checkpoint
from hypernas.training.callbacks import Average, Checkpoints
from hypernas.training.optimizer import Groups

SETTINGS = {
    "seed": 3,
    "optimizer": {"lr": 0.01, "betas": [0.9, 0.99]},
    "name": "a run",
    "start": None,
}


class Kept(NamedTuple):
    """A file, and what reads it: anything that can be compared by `==`, or None for a miss of a cache."""

    path: Path
    read: Callable[[], Any]


def _checkpoint(file: str) -> Callable[[Path], Kept]:
    def make(folder: Path) -> Kept:
        fit(generators.hypernas(space()), short(2), callbacks=[Checkpoints(folder), Average()])
        kept = checkpoint.newest(folder)

        def read() -> Any:
            generator = generators.hypernas(space(), seed=1)
            state = checkpoint.load(kept, generator=generator)
            groups = Groups(generator, ADAMW)
            state.restore_optimizer(groups.optimizer)
            average = state.part("callback Average")
            moved = groups.optimizer.state_dict()
            return _plain([state.step, dict(state.figures), generator.state_dict(), average, moved])

        return Kept(kept.folder / file, read)

    return make


def _plain(value: Any) -> Any:
    """A value in which tensors are lists."""
    if isinstance(value, torch.Tensor):
        return [str(value.dtype), value.tolist()]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _settings(folder: Path) -> Kept:
    write_settings(folder, SETTINGS, ["seed=3"])
    return Kept(
        folder / "settings.yaml", lambda: {key: read_settings(folder)[key] for key in SETTINGS}
    )


def _overrides(folder: Path) -> Kept:
    write_settings(folder, SETTINGS, ["seed=3", "optimizer.lr=0.01"])
    return Kept(folder / "overrides.json", lambda: read_overrides(folder))


def _phases(folder: Path) -> Kept:
    phases.write(
        folder, [Phase("member_0", 4, 1e6, 4e6, {"loss": 0.5}), Phase("grown", 8, 1e7, 9e7)]
    )
    return Kept(folder / "phases.json", lambda: phases.read(folder))


def _origin(folder: Path) -> Kept:
    origin = Origin(
        run="runs/a",
        step=4,
        weights=["ab"],
        data="digits",
        examples=9,
        calibration_batches=2,
        costs={},
    )
    origin.write(folder)
    return Kept(folder / ORIGIN, lambda: origin.check(folder) or "the same")


def _sealed(folder: Path) -> Kept:
    path = folder / "reference.json"
    write_sealed(path, {"accuracy": 0.1, "parameters": 1234.5})
    names = ("accuracy", "parameters")
    return Kept(path, lambda: {name: read_sealed(path)[name] for name in names})


def _evaluations() -> list[Evaluated]:
    known, rng = space(), torch.Generator().manual_seed(0)
    found = {known.sample(rng) for _ in range(20)}
    drawn = random.Random(0)
    return [Evaluated(a, {"loss": (x := drawn.random())}, {"loss": (x, 2 * x)}) for a in found]


def _front(folder: Path) -> Kept:
    path = folder / "front.json"
    Front((Objective("loss", maximize=False),), (), tuple(_evaluations()[:3])).write(path, space())
    return Kept(path, lambda: Front.read(path, space()))


def _history(folder: Path) -> Kept:
    path = folder / "search.csv"
    History(space(), ["loss"], path, intervals=["loss"]).add(_evaluations())
    whole = path.read_bytes()

    def read() -> list[Evaluated]:
        found = list(History(space(), ["loss"], path, intervals=["loss"]))
        lost = len(path.read_bytes()) < len(whole)  # at the end: evaluated again
        return _evaluations() if lost and found == _evaluations()[: len(found)] else found

    return Kept(path, read)


def _reported(folder: Path) -> Kept:
    history = _history(folder)
    _front(folder)
    whole = len(history.path.read_bytes())

    def read() -> list[float]:
        found = read_search(folder).values["loss"].tolist()
        known = [one.values["loss"] for one in _evaluations()]
        cut = history.path.stat().st_size < whole or not history.path.read_bytes().endswith(b"\n")
        return [*found, *known[len(found) :]] if cut else found

    return Kept(history.path, read)


def _reference(folder: Path) -> Kept:
    path = folder / "reference.json"
    write_sealed(path, {"seed": 0, "measures": {"test": {"accuracy": 0.9, "loss": 0.3}}})
    return Kept(path, lambda: references._read(path))


def _job(folder: Path) -> Kept:
    path = folder / "job.json"
    write_sealed(path, {"spec": {"lr": 0.1}, "result": {"rows": [{"loss": 0.25}]}})
    return Kept(path, lambda: jobs._read(path))


def _latency(folder: Path) -> Kept:
    Cache(folder).put("a network", Timing.of([1.0, 2.0, 3.0]))
    (path,) = folder.iterdir()
    return Kept(path, lambda: Cache(folder).get("a network"))


def _predictor(folder: Path) -> Kept:
    path = folder / "predictor.safetensors"
    known, some = space(), _evaluations()
    predictor = Ridge(known)
    predictor.fit([one.architecture for one in some], [one.values["loss"] for one in some])
    predictor.save(path)

    def read() -> list[float]:
        again = Ridge(known)
        again.load(path)
        return np.asarray(again.predict([one.architecture for one in some])).tolist()

    return Kept(path, read)


def _lines(folder: Path) -> Kept:
    path = folder / "metrics.jsonl"
    path.write_text("".join(sealed_line(line) for line in _LINES))
    size = path.stat().st_size

    def read() -> list[Any]:
        """What a report reads; of a file that was cut, as one that a run still writes to, the rest as well."""
        found = read_run(folder).training.to_dict("records")
        cut = path.stat().st_size < size or not path.read_bytes().endswith(b"\n")
        return [*found, *_LINES[len(found) :]] if cut else found

    return Kept(path, read)


_LINES = [{"step": i, "loss": 1 / (i + 1)} for i in range(8)]

KINDS: dict[str, Callable[[Path], Kept]] = {
    "checkpoint, tensors": _checkpoint("state.safetensors"),
    "checkpoint, state": _checkpoint("state.json"),
    "checkpoint, manifest": _checkpoint("manifest.json"),
    "settings": _settings,
    "overrides": _overrides,
    "phases of a growth": _phases,
    "origin of a search": _origin,
    "reference point": _sealed,
    "front": _front,
    "evaluations of a search": _history,
    "evaluations in a report": _reported,
    "reference cache": _reference,
    "work of a study": _job,
    "latency cache": _latency,
    "predictor": _predictor,
    "figures of a run": _lines,
}


def outcomes(kind: str, num: int, folder: Path, *, seed: int) -> Counter[str]:
    """The outcomes of some trials on one kind of file, in an empty folder, by name.

    Four of five flip one bit; the fifth cuts the file at a random place.
    """
    folder.mkdir(parents=True)
    kept = KINDS[kind](folder)
    whole, expected = kept.path.read_bytes(), kept.read()
    drawn = random.Random(f"{kind} {seed}")
    found: Counter[str] = Counter()
    for trial in range(num):
        damage = bytearray(whole)
        place = drawn.randrange(len(whole))
        if trial % 5:
            damage[place] ^= 1 << drawn.randrange(8)
        else:
            del damage[place:]
        kept.path.write_bytes(damage)
        found[_outcome(kept, expected)] += 1
    kept.path.write_bytes(whole)
    if kept.read() != expected:
        found["silent"] += 1
    return found


def _outcome(kept: Kept, expected: Any) -> str:
    try:
        found = kept.read()
    except ValueError as error:
        told = str(error)
        named = kept.path.name in told or kept.path.parent.name in told
        return "refused" if named else f"raw: {type(error).__name__} {error}"
    except Exception as error:
        return f"raw: {type(error).__name__} {error}"
    if found is None:
        return "made again"
    return "harmless" if found == expected else "silent"


def trials(num: int, folder: Path, *, seed: int) -> Iterator[dict[str, Any]]:
    """A row for each kind of file, whose outcomes together are `num` trials or a little more."""
    each = -(-num // len(KINDS))
    for index, kind in enumerate(KINDS):
        found = outcomes(kind, each, folder / str(index), seed=seed)
        raw = {name: count for name, count in found.items() if name.startswith("raw")}
        counts = {name: found[name] for name in ("refused", "made again", "harmless", "silent")}
        yield {
            "trial": f"flips: {kind}",
            "number": each,
            **counts,
            "raw": sum(raw.values()),
            "wrong": json.dumps(raw) if raw else "",
        }
