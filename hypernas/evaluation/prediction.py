"""Quality of a predictor on architectures that it was not fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hypernas.border import checked
from hypernas.evaluation.estimate import Estimate, average, estimate
from hypernas.evaluation.ranking import kendall_tau
from hypernas.predictors.predictor import Predictor
from hypernas.space.architecture import Architecture


@dataclass(frozen=True)
class Prediction:
    """Errors of predicted values, with bootstrap intervals over architectures.

    Attributes:
        mape: mean absolute error in parts of the value (0.05 is 5 %).
        tau: Kendall's tau between predictions and values; 1 where all pairs stand in order.
        num: architectures that were held out.
    """

    mape: Estimate
    tau: Estimate
    num: int

    def __str__(self) -> str:
        return f"MAPE {self.mape.times(100):.1f} %, tau {self.tau:.2f} on {self.num} held out"


@checked
def judge(
    predictor: Predictor,
    architectures: Sequence[Architecture],
    values: Sequence[float],
    *,
    level: float = 0.95,
    seed: int = 0,
) -> Prediction:
    """Compare what a predictor says of architectures with their values.

    Args:
        architectures: that it was not fitted to, two or more; else errors look smaller than they are.
        values: not 0.
        level: of the intervals.
        seed: of their draws.

    Raises:
        ValueError: if there are fewer than two, or a value is 0.
    """
    truth = np.asarray(values, dtype=float)
    if len(truth) < 2 or (truth == 0).any():
        raise ValueError(
            f"judging a predictor needs two or more held-out architectures whose values are not 0, got the "
            f"values {truth[:5].tolist()} of {len(truth)}."
        )
    predicted = np.array(predictor.predict(architectures))
    errors = np.abs(predicted / truth - 1)
    return Prediction(
        estimate(average, errors, level=level, seed=seed),
        estimate(kendall_tau, predicted, truth, level=level, seed=seed),
        len(truth),
    )
