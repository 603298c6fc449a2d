"""In-place distillation by an adaptive alpha-divergence."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hypernas.objectives.counted import Counted, counted
from hypernas.objectives.cross_entropy import CrossEntropy
from hypernas.objectives.objective import Objective

# Legend: p probabilities of the teacher, q of the student, r = p / q, M predictions, C classes.


class AlphaDivergence(Objective, Counted):
    """The largest learns the labels, the others its predictions, by the larger of two divergences.

    AlphaNet (Wang et al., 2021, arXiv 2102.07954): D_α = Σ q (r^α - 1) / (α (α - 1)) is large where the student misses
    what the teacher thinks likely if α is large, and where it believes what the teacher does not if α is small; of each
    prediction the worse of the two counts. Powers r^α are clipped. The teacher gets no gradient from its students.
    Without a teacher in the step this is plain cross-entropy. Positions with the target -100 count nowhere.

    Args:
        label_smoothing: for the labels.
        low, high: the two α.
        clip: of r^α.
        output, class_axis: where the logits are: see `CrossEntropy`.

    Raises:
        ValueError: if low is not below high, or one of them is 0, where D_α has another form, or clip not positive.
    """

    distils = True

    def __init__(
        self,
        *,
        label_smoothing: float = 0.1,
        low: float = -1.0,
        high: float = 1.0,
        clip: float = 5.0,
        output: str | int | None = None,
        class_axis: int | None = None,
    ) -> None:
        if not low < high or 0 in (low, high) or clip <= 0:
            raise ValueError(
                f"low must be below high, neither of them 0, and clip positive, got low={low}, high={high}, clip={clip}."
            )
        self.labels = CrossEntropy(
            label_smoothing=label_smoothing, output=output, class_axis=class_axis
        )
        self.low, self.high, self.clip = low, high, clip

    def loss(self, outputs: Any, targets: Tensor, teacher: Any = None) -> Tensor:
        if teacher is None:
            return self.labels.loss(outputs, targets)
        those = counted(targets.flatten())
        student = self.labels.logits(outputs, targets)
        taught = self.labels.logits(teacher, targets).detach()
        found = adaptive_divergence(student, taught, low=self.low, high=self.high, clip=self.clip)
        return (found * those).sum() / those.sum().clamp(min=1)

    def measures(self, outputs: Any, targets: Tensor) -> dict[str, Tensor]:
        return self.labels.measures(outputs, targets)

    def num_counted(self, targets: Any) -> int | None:
        return self.labels.num_counted(targets)


def adaptive_divergence(
    student: Tensor,  # shape: (M, C), logits
    teacher: Tensor,  # shape: (M, C), logits
    *,
    low: float = -1.0,
    high: float = 1.0,
    clip: float = float("inf"),
) -> Tensor:  # shape: (M,)
    """Of each prediction the larger of D_low and D_high (Wang et al., 2021, arXiv 2102.07954, section 4).

    The gradient is -Σ q ρ ∇ log q, with ρ = r^α / α + 1 / (α (α - 1)), and r for α = 1: that of D_α where nothing is
    clipped. Where r^α is, it is that of the clipped power taken for a constant.
    """
    log_q, log_p = F.log_softmax(student.float(), -1), F.log_softmax(teacher.float(), -1)
    both = [_divergence(log_q, log_p, alpha, clip) for alpha in (low, high)]
    values, surrogates = (torch.stack(parts) for parts in zip(*both, strict=True))
    larger = values.argmax(0, keepdim=True)
    value, surrogate = (x.gather(0, larger)[0] for x in (values, surrogates))
    return value + (surrogate - surrogate.detach())


def _divergence(
    log_q: Tensor, log_p: Tensor, alpha: float, clip: float
) -> tuple[Tensor, Tensor]:  # shapes: (M,), the value, and what has its gradient
    q, log_r = log_q.detach().exp(), log_p - log_q.detach()
    power = (alpha * log_r).exp().clamp(max=clip)
    if alpha == 1:
        return (q * power * log_r).sum(-1), -(q * power * log_q).sum(-1)
    factor = 1 / (alpha * (alpha - 1))
    value = (q * (power - 1)).sum(-1) * factor
    return value, -(q * (power / alpha + factor) * log_q).sum(-1)
