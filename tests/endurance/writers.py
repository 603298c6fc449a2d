"""Several processes that write the same caches and files, and want the same folders, at once."""

import json
import multiprocessing
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import patience

from hypernas.latency.cache import Cache
from hypernas.latency.turns import Timing
from hypernas.storage.files import write_new
from hypernas.storage.lock import held
from hypernas.storage.seal import read_sealed, write_sealed

_WRITES = 25  # of each process
_CONTEXT = multiprocessing.get_context("fork")


def _together(work: Callable[..., None], num: int, *arguments: Any) -> None:
    """Do some work in some processes, which begin at once; each is given its number."""
    gate = _CONTEXT.Barrier(num)

    def begin(number: int) -> None:
        gate.wait()
        work(number, *arguments)

    processes = [_CONTEXT.Process(target=begin, args=(number,)) for number in range(num)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(patience.SECONDS)
    if faults := [process.exitcode for process in processes if process.exitcode]:
        raise ChildProcessError(f"processes ended with {faults}")


def _seal(number: int, folder: Path, seed: int) -> None:
    drawn = random.Random(f"{seed} {number}")
    for _ in range(_WRITES):
        path = folder / f"{drawn.randrange(3)}.json"
        write_sealed(path, {"by": number, "numbers": [number] * drawn.randrange(400)})
        read_sealed(path)  # of whomever it is, it is whole


def _time(number: int, folder: Path, seed: int) -> None:
    cache, drawn = Cache(folder), random.Random(f"{seed} {number}")
    for _ in range(_WRITES):
        content = f"network {drawn.randrange(3)}"
        cache.put(content, Timing.of([1.0, 2.0, float(number)]))
        if Cache(folder).get(content) is None:
            raise ValueError(f"{content} is gone")


def _create(number: int, folder: Path, seed: int) -> None:
    for turn in range(_WRITES):
        try:
            write_new(folder / f"{turn}.json", json.dumps({"by": number}))
        except FileExistsError:
            continue
        with (folder / f"winners of {turn}").open("a") as file:
            file.write(f"{number}\n")


def _hold(number: int, folder: Path, seed: int) -> None:
    for _ in range(_WRITES):
        try:
            with held(folder):
                inside = folder / "inside"
                inside.touch(exist_ok=False)  # which fails if two are here
                inside.unlink()
        except FileExistsError as error:
            if "another process works in" not in str(error):
                raise ValueError(f"two held {folder}") from None


def _check(folder: Path) -> int:
    """The faults in a folder that processes wrote to together."""
    wrong = 0
    for path in folder.iterdir():
        if path.name.startswith("."):
            wrong += 1  # a draft that nobody took away
        elif path.suffix == ".json":
            read_sealed(path)
        else:
            wrong += len(path.read_text().splitlines()) != 1
    return wrong


WORK = {"sealed files": _seal, "latency cache": _time, "new files": _create, "locks": _hold}


def trials(num: int, folder: Path, *, seed: int) -> Iterator[dict[str, Any]]:
    """A row for each kind of work, each done `num` times by two to eight processes."""
    for name, work in WORK.items():
        wrong: list[str] = []
        for trial in range(num):
            place = folder / name / str(trial)
            place.mkdir(parents=True)
            try:
                _together(work, 2 + trial % 7, place, seed + trial)
                wrong += [f"trial {trial}"] * _check(place)
            except (ValueError, OSError) as error:
                wrong.append(f"trial {trial}: {error}")
        yield {
            "trial": f"writers: {name}",
            "number": num,
            "silent": len(wrong),
            "wrong": "; ".join(wrong),
        }
