"""Latency of subnets, measured on this machine."""

import dataclasses
import json
import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hypernas.border import checked
from hypernas.cost.cost import Cost
from hypernas.latency.backend import Backend, LatencyError, Run
from hypernas.latency.cache import Cache
from hypernas.latency.fingerprint import fingerprint
from hypernas.latency.machine import Load, Watch, machine
from hypernas.latency.onnxruntime import OnnxRuntime
from hypernas.latency.turns import Rounds, Timing, measure
from hypernas.space.architecture import Architecture
from hypernas.space.search_space import SearchSpace
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.batch import batch_size as batch_size_of
from hypernas.subnet.batch import resized
from hypernas.subnet.skeleton import build_seeded
from hypernas.subnet.structure import tensors

_LOOK = 0.2  # seconds for which a machine is looked at, whether it is quiet now


class BusyWarning(UserWarning):
    """Other processes kept the machine busy while latencies were measured."""


class Latency(Cost):
    """Median time of a forward pass in ms, in float32, of a subnet as it is exported.

    Subnets that are given at once take turns, round by round, until their medians can be told apart or
    a limit is reached (`Rounds`). A result is kept by what was measured (architecture, what its module
    computes, shapes of the inputs, threads) and where (processor, backend, its version), and measured once. It is
    measured anew where it is less precise than `rounds` ask for, or others kept the machine busy then and it
    is quiet now; while it is not, what was measured then is taken, with a `BusyWarning`. Weights are fresh, as their values do not change how long they take.

    Args:
        example: inputs of a batch, as the modules of the space take them: see `Arguments`.
        backend: `OnnxRuntime()` by default, or `Torch(...)`.
        batch_size: examples of a forward pass, which those of `example` are repeated to; None for as
            many as it has.
        threads: of the backend.
        rounds: how long to measure.
        cache: folder of results, which other processes may use at the same time; None for memory alone.
        tolerated: part of the machine that others may use before a `BusyWarning` says so.

    Attributes:
        timings: architecture -> its median with intervals, of all that were asked for.

    Raises:
        LatencyError: if the backend cannot run here, or not this subnet.
    """

    name, unit = "latency", "ms"

    @checked
    def __init__(
        self,
        space: SearchSpace,
        example: Any,
        *,
        backend: Backend | None = None,
        batch_size: int | None = 1,
        threads: int = 1,
        rounds: Rounds | None = None,
        cache: str | os.PathLike[str] | None = None,
        tolerated: float = 0.2,
    ) -> None:
        if (batch_size is not None and batch_size < 1) or threads < 1:
            raise ValueError(
                f"batch_size and threads must be 1 or more, got {batch_size} and {threads}."
            )
        self.space, self.backend = space, backend or OnnxRuntime()
        self.threads, self.rounds, self.tolerated = threads, rounds or Rounds(), tolerated
        self.timings: dict[Architecture, Timing] = {}
        self.watch: Watch = Load()
        arguments = Arguments.of(example)
        size = batch_size or batch_size_of(arguments) or 1
        self._arguments = resized(arguments, size)
        self._cache = Cache(cache)
        self.backend.check()

    def __call__(self, architectures: Sequence[Architecture]) -> list[float]:
        own = [self.space.architecture(a) for a in architectures]
        contents = {a: self._content(a) for a in dict.fromkeys(own) if a not in self.timings}
        self.timings |= self._kept(contents)
        left = [a for a in contents if a not in self.timings]
        for start in range(0, len(left), self.rounds.group):
            group = left[start : start + self.rounds.group]
            for architecture, timing in self._measure(group).items():
                self.timings[architecture] = timing
                self._cache.put(contents[architecture], timing)
        return [self.timings[a].median for a in own]

    def intervals(self, architectures: Sequence[Architecture]) -> list[tuple[float, float]]:
        """The 95 % interval of each median, by order statistics of rounds."""
        self(architectures)
        own = [self.timings[self.space.architecture(a)] for a in architectures]
        return [(timing.low, timing.high) for timing in own]

    def _kept(self, contents: Mapping[Architecture, str]) -> dict[Architecture, Timing]:
        """The timings of earlier measurements, as far as they serve."""
        read = {a: self._cache.get(content) for a, content in contents.items()}
        found = {a: t for a, t in read.items() if t is not None and self.rounds.served_by(t)}
        busy = {a: t.others for a, t in found.items() if self._is_busy(t.others)}
        if busy and self._quiet_now():
            return {a: t for a, t in found.items() if a not in busy}
        if busy:
            warnings.warn(
                f"{len(busy)} latencies are kept from when other processes kept up to {max(busy.values()):.1f} of "
                f"{os.cpu_count()} cores busy, and it is not quiet now: they may be too high. They are "
                f"measured anew once they are asked for while the machine is idle.",
                BusyWarning,
                stacklevel=3,
            )
        return found

    def _is_busy(self, others: float) -> bool:
        return others > self.tolerated * (os.cpu_count() or 1)

    def _quiet_now(self) -> bool:
        self.watch.start()
        time.sleep(_LOOK)
        return not self._is_busy(self.watch.others())

    def _content(self, architecture: Architecture) -> str:
        """All that decides how long it takes, as JSON."""
        module = build_seeded(self.space, architecture).eval()
        with self._telling(architecture):
            computed = fingerprint(module, self._arguments)
        content = {
            "architecture": dict(architecture),
            "module": computed,
            "inputs": [[list(x.shape), str(x.dtype)] for x in tensors(self._arguments)],
            "threads": self.threads,
            "backend": [self.backend.name, self.backend.version],
            "machine": json.loads(machine()),
        }
        return json.dumps(content, sort_keys=True)

    def _measure(self, architectures: Sequence[Architecture]) -> dict[Architecture, Timing]:
        with self.backend.limited(self.threads):
            runs = {str(a): self._ready(a) for a in architectures}
            self.watch.start()
            started = time.perf_counter()
            timings = measure(runs, self.rounds)
            spent = time.perf_counter() - started
            others = self.watch.others()
        if self._is_busy(others):
            warnings.warn(
                f"while {len(runs)} latencies were measured, other processes kept {others:.1f} of {os.cpu_count()} cores "
                f"busy: they may be too high, and differ from run to run. Measure when the machine is idle.",
                BusyWarning,
                stacklevel=4,
            )
        noted = {"others": round(others, 3), "seconds": round(spent, 3)}
        return {a: dataclasses.replace(timings[str(a)], **noted) for a in architectures}

    def _ready(self, architecture: Architecture) -> Run:
        module = build_seeded(self.space, architecture).eval()
        with self._telling(architecture):
            return self.backend.prepare(module, self._arguments, threads=self.threads)

    @contextmanager
    def _telling(self, architecture: Architecture) -> Iterator[None]:
        """Tell which subnet fails, and under what."""
        try:
            yield
        except Exception as error:  # of backends, which have kinds of their own
            why = str(error).strip().split("\n\n")[0]
            raise LatencyError(
                f"{self.backend.name} cannot run the subnet {architecture} on inputs of the shapes "
                f"{[tuple(x.shape) for x in tensors(self._arguments)]}: {type(error).__name__}: {why}"
            ) from error
