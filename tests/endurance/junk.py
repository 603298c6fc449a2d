"""Junk in one argument of every public function and class, all others being valid.

    python tests/endurance/junk.py                        every value in every argument
    python tests/endurance/junk.py --part 20 --seed 1     one in twenty of the calls, drawn at random
    python tests/endurance/junk.py --only hypernas.cost   one package
    python tests/endurance/junk.py --more 80              as many values that are made up, beside those

Wrong input is to be told in words: by ValueError, TypeError, OSError, ImportError or an exception of the library.
Raw are errors of the interpreter that leaked: AttributeError, KeyError, IndexError, EOFError, AssertionError,
ZeroDivisionError and their like. A call that takes longer than its limit hangs. Exits with 1 if there is either.
"""

import argparse
import collections
import contextlib
import importlib
import inspect
import io
import math
import os
import pkgutil
import random
import signal
import sys
import tempfile
import traceback
import typing
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from samples import Samples

import hypernas

_ENDLESS = 2**70
JUNK: list[Any] = [
    None, True, -1, 0, 2.5, math.nan, math.inf, _ENDLESS, "", "junk", b"junk", [], [None], ["junk"], {}, {"junk": None},
    {None: []}, (), object(), len, torch.tensor(3.0), torch.zeros(0), Path("nowhere"),
]  # fmt: skip
RAW = (
    *(AttributeError, LookupError, EOFError, AssertionError, ArithmeticError, NameError),
    *(RecursionError, StopIteration, SystemError),
)
_COUNTS = ("warmup", "rounds", "steps", "counted")  # do as many as one asks for
_LIMIT = 10  # seconds that a call computes; on a busy machine it may last longer
_WAIT = 120  # seconds that it lasts
_NOT_CALLED = {  # start processes, measure for long, or wait for others
    *("hypernas.distributed.join", "hypernas.studies.measure_memory", "hypernas.search.run"),
    *("hypernas.studies.run_cell", "hypernas.search.tangle", "hypernas.latency.Predicted"),
}


@dataclass
class Found:
    """What came of the calls.

    Attributes:
        num: of calls.
        told: that were refused in words.
        raw: function -> a line for each raw error.
        hung: a line for each call that took too long.
        unmade: functions for which there are no valid arguments, so that none was called.
    """

    num: int = 0
    told: int = 0
    raw: dict[str, list[str]] = field(default_factory=lambda: collections.defaultdict(list))
    hung: list[str] = field(default_factory=list)
    unmade: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The figures in lines, the functions with most raw errors first."""
        lines = [line for name in sorted(self.raw, key=lambda n: -len(self.raw[n])) for line in (
            f"{len(self.raw[name]):5} {name}", *(f"        {told}" for told in self.raw[name][:4])
        )]  # fmt: skip
        num = sum(map(len, self.raw.values()))
        head = f"{self.num} calls, {self.told} refused in words, {num} raw errors, {len(self.hung)} hung"
        return "\n".join(
            [*lines, *self.hung, f"not called: {', '.join(self.unmade) or 'none'}", head]
        )


def public(only: str = "") -> dict[str, Callable[..., Any]]:
    """The functions and classes that packages name in `__all__`, each once, by its shortest name."""
    names = [
        "hypernas",
        *(m.name for m in pkgutil.walk_packages(hypernas.__path__, "hypernas.") if m.ispkg),
    ]
    found: dict[str, Callable[..., Any]] = {}
    for module in map(importlib.import_module, sorted(names, key=len)):
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if not inspect.isclass(value) and not inspect.isfunction(value):
                continue
            if inspect.isclass(value) and (
                inspect.isabstract(value) or issubclass(value, BaseException)
            ):
                continue
            if all(value is not other for other in found.values()):
                found[f"{module.__name__}.{name}"] = value
    return {name: value for name, value in found.items() if name.startswith(only)}


def made_up(rng: random.Random, depth: int = 2) -> Any:
    """A value of some kind: a number, a text, a tensor of some shape and type, or several in a list or a mapping."""
    kind = rng.randrange(9 if depth else 6)
    if kind == 0:
        return rng.choice([value for value in JUNK if value is not _ENDLESS])
    if kind == 1:
        return rng.randint(-3, 40)
    if kind == 2:
        return rng.choice([rng.uniform(-2, 2), rng.uniform(-2, 2) * 1e30, -0.0, 1e-300])
    if kind == 3:
        return "".join(rng.choices("ab_0.*:=/{}[] ñ\n", k=rng.randrange(9)))
    if kind == 4:
        shape = [rng.randrange(4) for _ in range(rng.randrange(4))]
        return torch.zeros(
            shape, dtype=rng.choice([torch.float, torch.long, torch.bool, torch.half])
        )
    if kind == 5:
        return rng.choice([int, torch.nn.Linear(2, 2), torch.device("cpu"), range(3), {1, 2}, 2j])
    several = [made_up(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 6:
        return several
    if kind == 7:
        return tuple(several)
    return {made_up(rng, 0) if rng.random() < 0.2 else f"key{i}": v for i, v in enumerate(several)}


def junk_of(i: int, seed: str) -> Any:
    """The junk of a number: the first are listed, others are made up, the same of the same seed."""
    if i < len(JUNK):
        return JUNK[i]
    while True:
        rng = random.Random(seed)
        try:
            return made_up(rng)
        except TypeError:  # a key that cannot be one
            seed += "'"


def calls(
    function: Callable[..., Any], name: str, samples: Samples, more: int = 0
) -> Iterator[tuple[str, int]]:
    """The parameters of a function, each with every kind of junk by its number, and `more` that are made up."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            for i, value in enumerate([*JUNK, *[None] * more]):
                counts = parameter.name.startswith("num") or parameter.name in _COUNTS
                if not (counts and type(value) is int and value == _ENDLESS):
                    yield parameter.name, i


def valid(function: Callable[..., Any], samples: Samples) -> dict[str, Any]:
    """Arguments with which a function works, of parameters without a default.

    Raises:
        LookupError: if there is no sample of one.
    """
    found = {}
    made = function.__init__ if inspect.isclass(function) else function
    try:
        hints = typing.get_type_hints(made)
    except NameError:  # of what only a type checker imports
        hints = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is parameter.empty and parameter.kind not in (
            *(parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD),
        ):
            found[parameter.name] = samples.of(
                function.__name__, parameter.name, hints.get(parameter.name)
            )
    return found


def trial(function: Callable[..., Any], arguments: dict[str, Any]) -> BaseException | None:
    """Call a function, and begin what it returns if that is an iterator; what it raised."""
    positional = [
        arguments.pop(parameter.name)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind == parameter.POSITIONAL_ONLY and parameter.name in arguments
    ]
    signal.setitimer(signal.ITIMER_PROF, _LIMIT)
    signal.setitimer(signal.ITIMER_REAL, _WAIT)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            made = function(*positional, **arguments)
            if inspect.isgenerator(made):
                next(made, None)
    except BaseException as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def run(samples: Samples, *, only: str = "", part: int = 1, seed: int = 0, more: int = 0) -> Found:
    """Make the calls, or a random part of them.

    Args:
        only: the beginning of the names of functions.
        part: one in so many calls is made.
        more: values for each argument that are made up, beside those that are listed.
    """
    found = Found()
    for name, function in public(only).items():
        if name in _NOT_CALLED:
            continue
        for parameter, i in calls(function, name, samples, more):
            if random.Random(f"{seed} {name} {parameter} {i}").randrange(
                part
            ):  # whatever else there is
                continue
            try:
                value = junk_of(i, f"{seed} {name} {parameter} {i}")
                arguments = valid(function, samples) | {parameter: value}
            except LookupError:
                found.unmade.append(name)
                break
            found.num += 1
            error = trial(function, arguments)
            where = f"{parameter}={value!r:.80}"
            if isinstance(error, TimeoutError) and "endurance" in str(error):
                found.hung.append(f"{name}: {where}")
            elif (
                isinstance(error, RAW)
                and not isinstance(error, ValueError)
                and not _worded(error)
                and not _of_target(error)
            ):
                found.raw[name].append(
                    f"{where}: {type(error).__name__}: {error} ({_place(error)})"
                )
            elif error is not None:
                found.told += 1
    return found


def _worded(error: BaseException) -> bool:
    """True for the library's own exceptions, whatever they descend from."""
    return type(error).__module__.startswith("hypernas.")


def _of_target(error: BaseException) -> bool:
    """True for what a target's own forward raises of inputs that do not suit it."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(f.name == "forward" and "/hypernas/spaces/" in f.filename for f in frames[-3:])


def _place(error: BaseException) -> str:
    """File and line of the library in which an error arose."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/hypernas/" in f.filename]
    return (
        f"{frames[-1].filename.rpartition('/hypernas/')[2]}:{frames[-1].lineno}" if frames else "?"
    )


def ring(*_: object) -> None:
    raise TimeoutError("endurance: the call took too long")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", default="")
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--more", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for clock in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(clock, ring)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        found = run(Samples(Path(folder)), **vars(options))
        os.chdir("/")
    print(found.text())
    sys.exit(bool(found.raw or found.hung))


if __name__ == "__main__":
    main()
