"""Costs of a training step of each arm, compared in one process."""

import time
from collections.abc import Callable, Mapping
from statistics import median

from hypernas.border import checked


@checked
def measure_steps(
    steps: Mapping[str, Callable[[int], None]], *, rounds: int = 20, warmup: int = 3
) -> dict[str, float]:
    """Each arm's time of a step in units of the first arm's: the median of ratios over rounds.

    Arms take turns round by round, so what else the machine does falls on all of them alike.

    Args:
        steps: arm -> what computes step i of it, to its end (a GPU is waited for).
        warmup: rounds that are not counted.

    Raises:
        ValueError: if there is no arm, or no round that is counted.
    """
    if not steps or rounds < 1 or warmup < 0:
        raise ValueError(
            f"expected one arm or more, rounds of 1 or more and warmup of 0 or more, got the arms {[*steps]}, "
            f"rounds={rounds}, warmup={warmup}."
        )
    ratios: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(warmup + rounds):
        seconds = {}
        for name, step in steps.items():
            started = time.perf_counter()
            step(i)
            seconds[name] = time.perf_counter() - started
        first = next(iter(seconds.values()))
        if i >= warmup:
            for name, value in seconds.items():
                ratios[name].append(value / first)
    return {name: median(values) for name, values in ratios.items()}
