"""Gain of hypervolume: the candidates that would add the most to a front."""

from collections.abc import Sequence

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Legend: N candidates, K points of a front, M objectives.


def most_gaining(
    candidates: ArrayLike,  # shape: (N, M), losses
    front: ArrayLike,  # shape: (K, M), losses
    num: int,
) -> list[int]:
    """Positions of candidates that add the most hypervolume, one after the other.

    Each is taken as part of the front when the next is chosen. The reference point lies a tenth of the
    points' range beyond the worst of them in each objective. Those that add nothing follow, from one
    non-dominated set after the other.
    """
    losses, points = np.asarray(candidates, dtype=float), np.asarray(front, dtype=float)
    if not len(losses):
        return []
    both = np.concatenate([losses, points])
    reference = both.max(0) + 0.1 * np.maximum(np.ptp(both, axis=0), 1e-9)
    left = np.arange(len(losses))
    chosen: list[int] = []
    gaining = True
    while len(chosen) < num and len(left):
        best = left[moocore.is_nondominated(losses[left], keep_weakly=False)]
        if gaining:
            found = [_volume([*points, losses[i]], reference) for i in best]
            gaining = max(found) > _volume(points, reference)
            best = best[[int(np.argmax(found))]] if gaining else best
        chosen += best.tolist()
        points = np.concatenate([points, losses[best]])
        left = left[~np.isin(left, best)]
    return chosen[:num]


def _volume(points: Sequence[Floats] | Floats, reference: Floats) -> float:
    losses = np.asarray(points)
    return float(moocore.hypervolume(losses, ref=reference)) if len(losses) else 0.0
