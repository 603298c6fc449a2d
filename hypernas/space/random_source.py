"""Random numbers from whichever kind of generator the caller has."""

from typing import Any

import torch

_BITS = 24  # of a number that is drawn at once, at most
_SMALL = 1 << 16  # what generators take modulo is uniform to 1 part in 65,536 below it


def below(rng: Any, n: int) -> int:
    """A uniform integer in [0, n), however large n, from any of the three kinds of random generators."""
    if n <= _SMALL:
        return _drawn(rng, n)
    num_bits = (n - 1).bit_length()
    while True:
        found = 0
        for start in range(0, num_bits, _BITS):
            bits = min(_BITS, num_bits - start)
            found = found << bits | _drawn(rng, 1 << bits)
        if found < n:
            return found


def _drawn(rng: Any, n: int) -> int:
    if isinstance(rng, torch.Generator):
        return int(torch.randint(n, (), generator=rng, device=rng.device))
    if hasattr(rng, "randrange"):
        return int(rng.randrange(n))
    if hasattr(rng, "integers"):
        return int(rng.integers(n))
    raise TypeError(
        f"rng must be a torch.Generator, a random.Random or a numpy.random.Generator, "
        f"got {type(rng).__name__}."
    )


def unit(rng: Any) -> float:
    """A uniform number in [0, 1)."""
    return below(rng, 1 << 24) / (1 << 24)
