"""Arms that take turns, and the quartiles of the ratios of their times."""

import time
from collections.abc import Callable, Mapping, Sequence

import torch

from hypernas.reports.ratios import row

Row = dict[str, str | int | float]
Work = Callable[[], object]
Ready = Callable[[int], Work]


class Clock:
    """Measures arms against the first of them, in one process, round by round.

    Every round runs all arms, forth and back in turn, so that what else the machine does falls on all
    alike. On a CPU the time is that of the process on it, on a GPU that until it is done.

    Args:
        scale: of the seconds that a measure asks for.
        rounds: at least, and at most.
    """

    def __init__(
        self, device: torch.device, *, scale: float = 1.0, rounds: tuple[int, int] = (7, 60)
    ) -> None:
        self.device, self.scale, self.rounds = device, scale, rounds
        self.rows: list[Row] = []

    def measure(
        self,
        measure: str,
        target: str,
        arms: Mapping[str, Ready],
        *,
        seconds: float = 10.0,
        warmup: int = 2,
        written: Sequence[str] | None = None,
    ) -> dict[str, list[float]]:
        """Time arms until `seconds` are over, write down their ratios to the first, and give the times.

        Args:
            arms: name -> what makes ready for round i, and returns the work that is timed.
            written: the arms whose ratios are written down; None for all.
        """
        least, most = self.rounds
        times: dict[str, list[float]] = {arm: [] for arm in arms}
        started, done = time.monotonic(), 0
        while done < warmup + least or (
            done < warmup + most and time.monotonic() - started < seconds * self.scale
        ):
            order = list(arms) if done % 2 else list(arms)[::-1]
            for arm in order:
                spent = self._time(arms[arm](done))
                if done >= warmup:
                    times[arm].append(spent)
            done += 1
        first = next(iter(arms))
        for arm in list(arms)[1:] if written is None else written:
            ratios = [a / b for a, b in zip(times[arm], times[first], strict=True)]
            self.add(measure, target, arm, ratios)
        return times

    def add(self, measure: str, target: str, arm: str, ratios: Sequence[float]) -> None:
        """Write down the quartiles of ratios, and print them."""
        self.rows.append(row(measure, target, arm, ratios, device=self.device.type))
        print(*self.rows[-1].values(), flush=True)

    def _time(self, work: Work) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            started = time.perf_counter()
            work()
            torch.cuda.synchronize()
            return time.perf_counter() - started
        started = time.process_time()
        work()
        return time.process_time() - started
