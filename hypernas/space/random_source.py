"""Random numbers from whichever kind of generator the caller has."""

from typing import Any

import torch


def below(rng: Any, n: int) -> int:
    """A uniform integer in [0, n) from any of the three kinds of random generators."""
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
