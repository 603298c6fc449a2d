"""The supernet gap: the loss from inheriting weights instead of training them alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from hypernas.evaluation.estimate import Floats


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Direction in which a measure is better, and the unit in which it is shown.

    Attributes:
        scale: what a value is multiplied by to be shown in `unit`.
        unit: of what is shown; differences of percentages are in points.
    """

    name: str
    lower_is_better: bool
    scale: float
    unit: str

    def score(self, values: ArrayLike) -> Floats:
        """The values so that higher is better, as rankings want them."""
        values = np.asarray(values, dtype=float)
        return -values if self.lower_is_better else values


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "accuracy": Measure(name="accuracy", lower_is_better=False, scale=100.0, unit="points"),
        "cross_entropy": Measure(
            name="cross_entropy", lower_is_better=True, scale=1.0, unit="nats"
        ),
        "agreement": Measure(name="agreement", lower_is_better=False, scale=100.0, unit="points"),
        "relation_divergence": Measure(
            name="relation_divergence", lower_is_better=True, scale=1.0, unit="nats"
        ),
        "similarity_error": Measure(
            name="similarity_error", lower_is_better=True, scale=1.0, unit="of squared cosines"
        ),
        "cosine": Measure(name="cosine", lower_is_better=False, scale=1.0, unit="of the cosine"),
        "bleu": Measure(name="bleu", lower_is_better=False, scale=1.0, unit="BLEU"),
        "chrf": Measure(name="chrf", lower_is_better=False, scale=1.0, unit="chrF"),
        "certified_error": Measure(
            name="certified_error", lower_is_better=True, scale=100.0, unit="points"
        ),
        "pgd_error": Measure(name="pgd_error", lower_is_better=True, scale=100.0, unit="points"),
        "loss": Measure(name="loss", lower_is_better=True, scale=1.0, unit="of the loss"),
    }
)  # what objectives measure


def gaps(
    inherited: ArrayLike,  # shape: (..., N)
    standalone: ArrayLike,  # shape: (..., N)
    *,
    lower_is_better: bool = False,
) -> Floats:  # shape: (..., N), in the units of the measure
    """Of each subnet, the loss from inheriting its weights; negative where they are better.

    Raises:
        ValueError: if the two are not of the same N subnets.
    """
    ours, alone = np.asarray(inherited, dtype=float), np.asarray(standalone, dtype=float)
    if not ours.ndim or not alone.ndim or ours.shape[-1] != alone.shape[-1]:
        raise ValueError(
            f"inherited and standalone must be of the same N subnets, shape (..., N); "
            f"got {ours.shape} and {alone.shape}."
        )
    return ours - alone if lower_is_better else alone - ours


def signed_gap(
    inherited: ArrayLike,  # shape: (..., N)
    standalone: ArrayLike,  # shape: (..., N)
    *,
    lower_is_better: bool = False,
) -> Floats:  # shape: (...)
    """The mean gap over subnets. Gaps of either sign cancel: 0 is as good as alone on average."""
    return gaps(inherited, standalone, lower_is_better=lower_is_better).mean(-1)


def absolute_gap(
    inherited: ArrayLike,  # shape: (..., N)
    standalone: ArrayLike,  # shape: (..., N)
    *,
    lower_is_better: bool = False,
) -> Floats:  # shape: (...), 0 or more
    """The mean size of the gap, as Jawahar et al. report it (2023, arXiv 2306.04845).

    Noise of the stand-alone reference adds to it (about 0.8 of the noise's standard deviation where
    the true gaps are 0), so that it never reaches 0: average the reference over seeds.
    """
    return np.abs(gaps(inherited, standalone, lower_is_better=lower_is_better)).mean(-1)
