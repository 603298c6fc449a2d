"""Hypervolume: how much of the values of objectives a set of points leaves behind."""

from collections.abc import Sequence

import moocore


def hypervolume(
    losses: Sequence[Sequence[float]],  # of N points, lower is better
    reference: Sequence[float],  # as many losses
) -> float:
    """The volume between the points and the reference point (Zitzler and Thiele, 1998).

    Exact for any number of objectives, by the algorithms of moocore. Points that are not better than
    the reference point in every objective add nothing.

    Raises:
        ValueError: if points and reference point do not have the same objectives.
    """
    if any(len(point) != len(reference) for point in losses):
        raise ValueError(
            f"points and the reference point must have the same objectives: expected "
            f"{len(reference)} losses of each, got {sorted({len(point) for point in losses})}."
        )
    inside = [
        [float(loss) for loss in point]
        for point in losses
        if all(loss < bound for loss, bound in zip(point, reference, strict=True))
    ]
    if not inside:
        return 0.0
    return float(moocore.hypervolume(inside, ref=[float(bound) for bound in reference]))
