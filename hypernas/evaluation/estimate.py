"""A statistic over subnets and seeds, with a bootstrap interval."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Legend: R seeds, N subnets, B bootstrap draws.

Floats = NDArray[np.float64]
Statistic = Callable[..., Floats]  # arrays of shape (..., N) -> array of shape (...)
_CHUNK = 2_000_000  # numbers held at once of one sample


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, and a percentile interval.

    Attributes:
        value: mean over seeds of the statistic; nan if it is undefined in one of them.
        low: end of the interval; nan for fewer than two subnets, or no draw that is defined.
        by_seed: the statistic of each seed.
    """

    value: float
    low: float
    high: float
    by_seed: tuple[float, ...]

    @property
    def spread(self) -> float:
        """Standard deviation over seeds (R - 1 in the denominator); nan for one seed."""
        return float(np.std(self.by_seed, ddof=1)) if len(self.by_seed) > 1 else float("nan")

    def times(self, factor: float) -> "Estimate":
        """The estimate in other units: 100 turns shares into points, -1 swaps the ends too."""
        low, high = sorted((self.low * factor, self.high * factor))
        by_seed = tuple(value * factor for value in self.by_seed)
        return replace(self, value=self.value * factor, low=low, high=high, by_seed=by_seed)

    def beyond_seeds(self, level: float = 0.95) -> "Estimate":
        """The same with an interval for other seeds too, given one over subnets of the very seeds.

        Half of it is the root of the sum of two squares: the half over subnets, and that of Student's t over seeds,
        `t(R - 1) spread / √R`. Resampling three seeds covers the truth 75 to 91 times in 100 where 95 is written, as its ends are
        the lowest and the highest of them; this 92 times or more for 16
        subnets (in simulation; 92 where these are all that varies).
        Of one seed nothing tells how they differ: then the interval stays as it is.
        """
        num = len(self.by_seed)
        if num < 2 or np.isnan(self.low):
            return self
        from scipy.special import stdtrit  # slow to import, and only reports need it

        seeds = float(stdtrit(num - 1, (1 + level) / 2)) * self.spread / np.sqrt(num)
        low = self.value - float(np.hypot(self.value - self.low, seeds))
        return replace(
            self, low=low, high=self.value + float(np.hypot(self.high - self.value, seeds))
        )

    def __format__(self, spec: str) -> str:
        """`f"{estimate:.2f}"` is "0.53 [0.41, 0.66]"."""
        value, low, high = (format(number, spec) for number in (self.value, self.low, self.high))
        return value if np.isnan(self.low) else f"{value} [{low}, {high}]"


def average(values: ArrayLike) -> Floats:
    """The mean over subnets, the simplest statistic."""
    return np.mean(np.asarray(values, dtype=float), axis=-1)


def estimate(
    statistic: Statistic,
    *samples: ArrayLike,  # each of shape (R, N), or (N,) for what all seeds share
    level: float = 0.95,
    num: int = 2000,
    seed: int = 0,
    resample_seeds: bool = False,
) -> Estimate:
    """The mean over seeds of a statistic of subnets, with a percentile bootstrap interval.

    A draw takes N subnets with replacement, the same ones in every seed and every sample, so the
    interval is for other subnets of the space and the very seeds that were trained. With
    `resample_seeds` a draw also takes R seeds, independently of the subnets (Owen, "The pigeonhole
    bootstrap", Annals of Applied Statistics 1, 2007), and the interval is for other seeds too.

    How often "95 %" covers the truth, in simulation: for a mean over 12 normal subnets 91, over 20
    or more 93 times in 100. With `resample_seeds` and 20 subnets, 91 for 3 seeds where subnets make
    most of the variance; where seeds make as much, 82 for 3 seeds, 88 for 5 and 91 for 10; 75 where
    3 seeds are all that varies, as the interval is then from the lowest to the highest.

    Draws in which the statistic is undefined (nan) in any seed, as the rank correlation of equal
    values is, are left out. Intervals of extremes (regret) are rough.

    Args:
        statistic: arrays of shape (..., N) -> (...), nan where undefined. One for (N,) alone becomes
            that by `numpy.vectorize(function, signature="(n),(n)->()")`, an "(n)" for each sample.
        samples: its arguments, of finite numbers.
        level: of the interval, between 0 and 1.
        num: B.
        seed: of the draws.

    Raises:
        ValueError: if samples do not have the same seeds and subnets, hold nan or infinity, or the
            statistic does not return one number for each seed.
    """
    arrays = _aligned(samples)
    if not 0 < level < 1 or num < 1:
        raise ValueError(
            f"level must be between 0 and 1 and num 1 or more, got level={level}, num={num}."
        )
    num_seeds, num_subnets = arrays[0].shape
    by_seed = np.asarray(statistic(*arrays), dtype=float)
    if by_seed.shape != (num_seeds,):
        raise ValueError(
            f"the statistic must turn arrays of shape (..., N) into (...): expected "
            f"{(num_seeds,)} from {(num_seeds, num_subnets)}, got {by_seed.shape}. "
            f'numpy.vectorize(function, signature="(n)->()") makes one of a function of rows.'
        )
    draws = np.array([])
    if num_subnets > 1:
        parts = _draws(arrays, num, np.random.default_rng(seed), resample_seeds=resample_seeds)
        draws = np.concatenate([np.mean(statistic(*part), axis=-1) for part in parts])
        draws = draws[~np.isnan(draws)]
    low, high = np.nan, np.nan
    if draws.size:
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(by_seed.mean()), float(low), float(high), tuple(by_seed.tolist()))


def paired(
    first: ArrayLike,  # shape: (R, N)
    second: ArrayLike,  # shape: (R, N), of the same seeds and subnets
    *shared: ArrayLike,  # further arguments of the statistic, such as the truth
    statistic: Statistic = average,
    level: float = 0.95,
    num: int = 2000,
    seed: int = 0,
    resample_seeds: bool = True,
) -> Estimate:
    """Difference of a statistic, first arm minus second, on the same seeds and subnets.

    What seeds and subnets have in common cancels. An interval that leaves out 0 is a verdict for
    other seeds and subnets of the space, with the reservation of `estimate` about few seeds;
    `by_seed` tells whether all seeds agree.
    """

    def difference(one: Floats, other: Floats, *rest: Floats) -> Floats:
        return np.asarray(statistic(one, *rest)) - np.asarray(statistic(other, *rest))

    return estimate(
        difference,
        first,
        second,
        *shared,
        level=level,
        num=num,
        seed=seed,
        resample_seeds=resample_seeds,
    )


def _aligned(samples: tuple[ArrayLike, ...]) -> list[Floats]:
    """The samples, all of one shape (R, N)."""
    arrays = [np.asarray(sample, dtype=float) for sample in samples]
    shapes = ", ".join(str(array.shape) for array in arrays)
    if not arrays or any(array.ndim not in (1, 2) or not array.size for array in arrays):
        raise ValueError(
            f"expected one or more samples of shape (R, N) or (N,), got {shapes or 'none'}."
        )
    seeds = {len(array) for array in arrays if array.ndim == 2} or {1}
    subnets = {array.shape[-1] for array in arrays}
    if len(seeds) > 1 or len(subnets) > 1:
        raise ValueError(
            f"samples must have the same R seeds and N subnets, got shapes {shapes}. "
            f"What all seeds share has shape (N,)."
        )
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(
            "samples hold nan or infinity; leave out subnets that are not measured in every seed."
        )
    shape = (seeds.pop(), subnets.pop())
    return [np.broadcast_to(array, shape) for array in arrays]


def _draws(
    arrays: list[Floats], num: int, rng: np.random.Generator, *, resample_seeds: bool
) -> Iterator[list[Floats]]:
    """Resampled samples of shape (b, R, N), the b of all parts adding up to `num`."""
    num_seeds, num_subnets = arrays[0].shape
    size = max(1, _CHUNK // arrays[0].size)
    for start in range(0, num, size):
        b = min(size, num - start)
        subnets = rng.integers(num_subnets, size=(b, 1, num_subnets))
        seeds = np.arange(num_seeds)[None, :, None]
        if resample_seeds:
            seeds = rng.integers(num_seeds, size=(b, num_seeds, 1))
        yield [array[seeds, subnets] for array in arrays]
