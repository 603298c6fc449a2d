"""Measuring in turns: round by round, until subnets can be told apart."""

import functools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from hypernas.latency.backend import Run

Clock = Callable[[], float]  # seconds


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """Plan of how long to measure.

    Args:
        warmup: rounds that are not counted.
        least, most: rounds that are counted.
        repeats: runs of a subnet in its turn, after one that is not counted; their median counts.
        width: of the interval of a median, either side of it in parts of it, that is narrow enough.
        apart: width that is narrow enough for an interval that overlaps with no other.
        seconds: after which measuring ends, once there are `least` rounds.
        group: subnets that take turns, and are held in memory at once.
    """

    warmup: int = 2
    least: int = 7
    most: int = 100
    repeats: int = 3
    width: float = 0.02
    apart: float = 0.05
    seconds: float = 60.0
    group: int = 32

    def served_by(self, timing: "Timing") -> bool:
        """True where measuring, alone, would have ended no later than it did for a timing."""
        if timing.rounds < self.least:
            return False
        narrow = timing.width <= max(self.width, self.apart)
        return narrow or timing.rounds >= self.most or timing.seconds >= self.seconds


@dataclass(frozen=True)
class Timing:
    """Times of a subnet over rounds, in ms.

    Attributes:
        median: over rounds.
        low, high: 95 % interval of the median, by order statistics.
        lower, upper: quartiles of rounds.
        rounds: that were counted.
        others: cores that other processes kept busy meanwhile.
        seconds: that measuring took, with all that took turns with it.
    """

    median: float
    low: float
    high: float
    lower: float
    upper: float
    rounds: int
    others: float = 0.0
    seconds: float = 0.0

    @classmethod
    def of(cls, times: Sequence[float]) -> "Timing":
        """The timing of one number or more."""
        ordered, num = np.sort(times), len(times)
        at = _place(num)
        lower, median, upper = (float(x) for x in np.quantile(ordered, [0.25, 0.5, 0.75]))
        return cls(median, float(ordered[at]), float(ordered[num - 1 - at]), lower, upper, num)

    @property
    def width(self) -> float:
        """Half of the interval, in parts of the median."""
        return (self.high - self.low) / 2 / (self.median or 1.0)


@functools.cache
def _place(num: int) -> int:
    """The place of the lower end of the interval of a median, in order; the upper is as far from the end."""
    return max(0, int(binom.ppf(0.025, num, 0.5)) - 1)


def measure(
    runs: Mapping[str, Run], rounds: Rounds, *, clock: Clock = time.perf_counter
) -> dict[str, Timing]:
    """Time runs in turns, forth and back, so that what else a machine does falls on all alike.

    Rounds go on until each interval is narrow enough; `rounds.most` and `rounds.seconds` end them in
    any case, after `rounds.least`.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    started, done = clock(), 0
    while True:
        for name in list(runs) if done % 2 else list(runs)[::-1]:
            spent = _turn(runs[name], rounds.repeats, clock)
            if done >= rounds.warmup:
                times[name].append(1000 * spent)
        done += 1
        counted = done - rounds.warmup
        if counted < max(1, rounds.least):
            continue
        found = {name: Timing.of(own) for name, own in times.items()}
        over = counted >= rounds.most or clock() - started >= rounds.seconds
        if over or not unclear(found, rounds):
            return found


def unclear(timings: Mapping[str, Timing], rounds: Rounds) -> list[str]:
    """The names of those whose interval is too wide: see `Rounds`."""
    found = []
    for name, own in timings.items():
        others = [other for key, other in timings.items() if key != name]
        alone = all(own.high < o.low or o.high < own.low for o in others)
        if own.width > (rounds.apart if alone and others else rounds.width):
            found.append(name)
    return found


def _turn(run: Run, repeats: int, clock: Clock) -> float:
    run()  # brings its weights back into the caches
    times = []
    for _ in range(repeats):
        started = clock()
        run()
        times.append(clock() - started)
    return statistics.median(times)
