"""Commands whose output nobody reads: the reader is gone, goes after a line, the stream is closed, or leads to a full disk.

A command must do its work to the end, with status 0, and leave what one leaves whose output is read. Where results
do not fit on a disk it may end with status 2 and words; then the same command again must leave that.
"""

import os
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from commands import FAST, GROWTH, Evaluate, Report, Study, states
from process import forked, typed

from hypernas.cli import main
from hypernas.runs.search import EVALUATIONS, FRONT
from hypernas.storage.streams import keep_standard_streams

_STREAMS = {"output": (1,), "error": (2,), "both": (1, 2)}  # descriptors
_PAIRS = "Tom sees it.\tTomás ve eso.\nAnn has bread.\tAna tiene pan.\n"


class Way(ABC):
    """A way in which a stream does not reach anybody."""

    @abstractmethod
    def put(self, handle: int) -> None:
        """Let a descriptor of this process lead there."""

    def read(self) -> None:  # noqa: B027
        """Do what a reader does, in the process that is one."""


class Gone(Way):
    """A pipe that nobody has read."""

    def put(self, handle: int) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, handle)


class Leaving(Way):
    """A pipe whose reader goes away after a line, as `head -1` does."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()

    def put(self, handle: int) -> None:
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1
        os.dup2(self._writer, handle)

    def read(self) -> None:
        os.close(self._writer)
        with os.fdopen(self._reader, "rb") as pipe:
            pipe.readline()


class Closed(Way):
    """No stream."""

    def put(self, handle: int) -> None:
        os.close(handle)
        setattr(sys, {1: "__stdout__", 2: "__stderr__"}[handle], None)  # as the interpreter begins


class Full(Way):
    """A file on a full disk."""

    def put(self, handle: int) -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, handle)


class Line(NamedTuple):
    """A command line for a folder, and what it leaves there."""

    begin: Callable[[Path], object]
    end: Callable[[Path], dict[str, bytes]]


def _told(*arguments: str) -> None:
    sys.argv = ["hypernas", *arguments]
    main.main()


def _study(folder: Path) -> None:
    keep_standard_streams()  # as the command does, which takes no other way
    Study().begin(folder, resume=False)


def lines(folder: Path) -> dict[str, Line]:
    """The commands, of runs that are made in a folder."""
    evaluate, report = Evaluate(), Report()
    evaluate.prepare(folder / "judged")
    report.run = run = evaluate.run
    pairs, sentences = folder / "pairs", folder / "sentences"
    pairs.mkdir()
    (pairs / "spa.txt").write_text(
        "".join(_PAIRS.replace("it", f"it {i}").replace("eso", f"eso {i}") for i in range(30))
    )
    space = ["encoder_depths=[1]", "decoder_depths=[1]", "encoder_dims=[16]", "decoder_dims=[16]"]
    space += ["qkv_dim=16", "attend=[1]", "padding=0"]
    data = ["data=translation", f"data.root={pairs}", "data.vocabulary=320", "data.length=20"]
    own = ["data.num_held_out=8", "training.steps=2", "training.batch_size=8", "device=cpu"]
    own += ["threads=1", "space=seq2seq", *(f"space.{each}" for each in space)]
    typed("train", *data, *own, f"hydra.run.dir={sentences}")
    judged = ["objectives=[accuracy,parameters]", "search=random", "evaluations=4", "device=cpu"]
    judged += ["calibration_batches=1", "threads=1", f"run={run}"]

    def read(*names: str) -> Callable[[Path], dict[str, bytes]]:
        return lambda at: {name: (at / name).read_bytes() for name in names}

    def table(at: Path) -> None:
        at.mkdir(exist_ok=True)
        _told(
            "evaluate", f"run={run}", f"out={at}/table.csv", "subnets=1", "device=cpu", "threads=1"
        )

    def page(at: Path) -> None:
        report.copy(at)
        _told("report", str(at))

    return {
        "train": Line(lambda at: _told("train", *FAST, f"hydra.run.dir={at}"), states),
        "grow": Line(lambda at: _told("grow", *GROWTH, f"hydra.run.dir={at}"), states),
        "search": Line(
            lambda at: _told("search", *judged, f"hydra.run.dir={at}"), read(EVALUATIONS, FRONT)
        ),
        "evaluate": Line(table, evaluate.end),
        "report": Line(page, report.end),
        "study": Line(_study, Study().end),
        "translate": Line(
            lambda _: _told("translate", f"run={sentences}", "text=Tom", "beam=1", "device=cpu"),
            lambda _: {},
        ),
    }


def status_of(line: Line, folder: Path, way: Way | None, handles: tuple[int, ...] = ()) -> int:
    """The exit status of a command in a process of its own."""

    def work() -> None:
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        if way is not None:
            for handle in handles:
                way.put(handle)
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        try:
            line.begin(folder)
        except SystemExit as end:
            os._exit(int(end.code or 0))

    pid = forked(work, folder.with_name(f"{folder.name}.log"))
    reader = threading.Thread(target=way.read if way else lambda: None)
    reader.start()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    reader.join()
    return status


def outcome(line: Line, folder: Path, way: Way, stream: str, expected: Mapping[str, bytes]) -> str:
    """What came of a command: done, told, or what was wrong."""
    status = status_of(line, folder, way, _STREAMS[stream])
    log = folder.with_name(f"{folder.name}.log").read_text()
    full = isinstance(way, Full) and stream != "error"
    if status not in ((0, 2) if full else (0,)):
        return f"ended with {status}: {log}"
    if "Traceback" in log or "Exception ignored" in log:
        return f"raw: {log}"
    if status and stream == "output" and "no space left" not in log:
        return f"not told: {log}"
    if status and not _left(line, folder) and (again := status_of(line, folder, None)):
        return f"does not go on: {again} {log}"
    return ("told" if status else "done") if _left(line, folder) == expected else "differs"


def _left(line: Line, folder: Path) -> dict[str, bytes]:
    """What a command left; empty if that is not all there."""
    try:
        return line.end(folder)
    except FileNotFoundError:
        return {}


def trials(num: int, folder: Path, *, seed: int) -> Iterator[dict[str, Any]]:
    """A row for each command, each way and stream as often as makes `num` together, or a little more."""
    folder.mkdir(parents=True)
    commands = lines(folder)
    ways: list[type[Way]] = [Gone, Leaving, Closed, Full]
    for name, line in commands.items():
        whole = folder / name / "whole"
        whole.parent.mkdir()
        if status_of(line, whole, None):
            raise ChildProcessError(whole.with_name("whole.log").read_text())
        expected, found = line.end(whole), []
        for turn in range(-(-num // (len(commands) * len(ways) * len(_STREAMS)))):
            for way in ways:
                for stream in _STREAMS:
                    place = folder / name / f"{way.__name__}-{stream}-{turn}"
                    told = outcome(line, place, way(), stream, expected)
                    found.append(told if told in ("told", "done") else f"{place.name}: {told}")
        wrong = [told for told in found if told not in ("told", "done")]
        yield {
            "trial": f"outputs: {name}",
            "number": len(found),
            "refused": found.count("told"),
            "harmless": found.count("done"),
            "raw": len(wrong),
            "wrong": "; ".join(wrong),
        }
