"""Coverage of intervals over seeds and subnets, by simulation: a truth, seeds, subnets and a rest, all normal.

Writes `coverage.csv` too: what each interval that says 95 % covers, by seeds and by what varies.
"""

import csv
from functools import cache
from pathlib import Path

import numpy as np
from scipy.stats import t as student
from verdicts import answer

from hypernas.evaluation.estimate import average, estimate

TABLE = Path(__file__).parent / "coverage.csv"
SEEDS, SUBNETS, TIMES, DRAWS = (3, 5, 8, 16), 16, 1500, 400
CASES = {  # deviations of seeds, of subnets, and of the rest
    "seeds and subnets alike": (1.0, 1.0, 1.0),
    "seeds mostly": (2.0, 0.5, 0.5),
    "subnets mostly": (0.25, 2.0, 0.5),
}


def drawn(rng, seeds: int, case: str):
    """Values (R, N) around 0, as the gap of an arm is around its mean."""
    by_seed, by_subnet, rest = CASES[case]
    return (
        by_seed * rng.standard_normal((seeds, 1))
        + by_subnet * rng.standard_normal((1, SUBNETS))
        + rest * rng.standard_normal((seeds, SUBNETS))
    )


def intervals(values):
    """Name -> low and high of intervals that say 95 %."""
    own = values.mean(1)
    half = student.ppf(0.975, len(own) - 1) * own.std(ddof=1) / np.sqrt(len(own))
    rng = np.random.default_rng(0)
    again = own[rng.integers(len(own), size=(DRAWS, len(own)))].mean(1)
    one = estimate(average, values[:1], num=DRAWS)
    subnets = estimate(average, values, num=DRAWS)
    both = estimate(average, values, num=DRAWS, resample_seeds=True)
    combined = subnets.beyond_seeds()
    return {
        "t over seeds": (own.mean() - half, own.mean() + half),
        "bootstrap over seeds": tuple(np.quantile(again, [0.025, 0.975])),
        "bootstrap over subnets of one seed": (one.low, one.high),
        "bootstrap over seeds and subnets": (both.low, both.high),
        "t over seeds with bootstrap over subnets": (combined.low, combined.high),
    }


@cache
def table() -> dict[tuple[str, int, str], tuple[float, float]]:
    """(interval, seeds, case) -> coverage of the truth, and mean width."""
    found = {}
    for case in CASES:
        for seeds in SEEDS:
            rng = np.random.default_rng(seeds)
            hits: dict[str, list[tuple[bool, float]]] = {}
            for _ in range(TIMES):
                for name, (low, high) in intervals(drawn(rng, seeds, case)).items():
                    hits.setdefault(name, []).append((low <= 0 <= high, high - low))
            for name, own in hits.items():
                found[name, seeds, case] = tuple(np.mean(own, axis=0))
    with TABLE.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["interval", "seeds", "case", "coverage", "width"])
        for key, (share, width) in found.items():
            writer.writerow([*key, f"{share:.4f}", f"{width:.3f}"])
    return found


def covers(interval: str, seeds: int, low: float, high: float = 1.0):
    def question():
        shares = {case: table()[interval, seeds, case][0] for case in CASES}
        held = all(low <= share <= high for share in shares.values())
        return held, ", ".join(f"{case} {100 * share:.1f} %" for case, share in shares.items())

    return question


if __name__ == "__main__":
    combined = "t over seeds with bootstrap over subnets"
    answer(
        {
            17: covers("t over seeds", 3, 0.93, 0.97),
            18: covers("bootstrap over seeds", 3, 0.0, 0.80),
            19: covers("bootstrap over seeds", 8, 0.90),
            20: covers("bootstrap over subnets of one seed", 3, 0.0, 0.80),
            21: covers(combined, 3, 0.93),
            22: covers(combined, 16, 0.0, 0.97),
        },
        "numpy scipy",
    )
