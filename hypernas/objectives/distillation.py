"""In-place distillation: the largest subnet of a step teaches the others."""

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from hypernas.objectives.counted import Counted, counted
from hypernas.objectives.cross_entropy import CrossEntropy
from hypernas.objectives.objective import Objective


class InPlaceDistillation(Objective, Counted):
    """The largest learns the labels, the others its softened predictions on the same batch.

    Loss of a student: `weight` T² CE(softmax(teacher / T), student / T) + (1 - `weight`) CE(labels).
    BigNAS (Yu et al., 2020, arXiv 2003.11142) uses weight 1 and T = 1: no labels. The teacher gets
    no gradient from its students. Without a teacher in the step this is plain cross-entropy. Positions
    with the target -100 count nowhere.

    Args:
        label_smoothing: for the labels.
        temperature: T.
        weight: share of the teacher.
        output, class_axis: where the logits are: see `CrossEntropy`.
    """

    distils = True

    def __init__(
        self,
        *,
        label_smoothing: float = 0.1,
        temperature: float = 1.0,
        weight: float = 1.0,
        output: str | int | None = None,
        class_axis: int | None = None,
    ) -> None:
        if temperature <= 0 or not 0 <= weight <= 1:
            raise ValueError(
                f"temperature must be positive and weight in [0, 1], got {temperature}, {weight}."
            )
        self.labels = CrossEntropy(
            label_smoothing=label_smoothing, output=output, class_axis=class_axis
        )
        self.temperature, self.weight = temperature, weight

    def loss(self, outputs: Any, targets: Tensor, teacher: Any = None) -> Tensor:
        if teacher is None:
            return self.labels.loss(outputs, targets)
        distilled = softened_cross_entropy(
            self.labels.logits(outputs, targets),
            self.labels.logits(teacher, targets),
            counted(targets.flatten()),
            temperature=self.temperature,
        )
        if self.weight == 1:
            return distilled
        return self.weight * distilled + (1 - self.weight) * self.labels.loss(outputs, targets)

    def measures(self, outputs: Any, targets: Tensor) -> dict[str, Tensor]:
        return self.labels.measures(outputs, targets)

    def num_counted(self, targets: Any) -> int | None:
        return self.labels.num_counted(targets)


def softened_cross_entropy(
    student: Tensor,  # shape: (M, C), logits
    teacher: Tensor,  # shape: (M, C), logits
    those: Tensor,  # shape: (M,), True where a prediction counts
    *,
    temperature: float,
) -> Tensor:  # shape: ()
    """T² CE(softmax(teacher / T), student / T), the mean over the predictions that count.

    Hinton et al., 2015, arXiv 1503.02531, section 2.
    """
    soft = F.softmax(teacher / temperature, dim=-1) * those[:, None]
    whole = temperature**2 * F.cross_entropy(student / temperature, soft)  # the mean of all M
    return whole * (len(those) / those.sum().clamp(min=1))
