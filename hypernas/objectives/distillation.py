"""In-place distillation: the largest subnet of a step teaches the others."""

from torch import Tensor
from torch.nn import functional as F

from hypernas.objectives.cross_entropy import CrossEntropy
from hypernas.objectives.objective import Objective


class InPlaceDistillation(Objective):
    """The largest learns the labels, the others its softened predictions on the same batch.

    Loss of a student: `weight` T² CE(softmax(teacher / T), student / T) + (1 - `weight`) CE(labels).
    BigNAS (Yu et al., 2020, arXiv 2003.11142) uses weight 1 and T = 1: no labels. The teacher gets
    no gradient from its students. Without a teacher in the step this is plain cross-entropy.

    Args:
        label_smoothing: for the labels.
        temperature: T.
        weight: share of the teacher.
    """

    distils = True

    def __init__(
        self, *, label_smoothing: float = 0.1, temperature: float = 1.0, weight: float = 1.0
    ) -> None:
        if temperature <= 0 or not 0 <= weight <= 1:
            raise ValueError(
                f"temperature must be positive and weight in [0, 1], got {temperature}, {weight}."
            )
        self.labels = CrossEntropy(label_smoothing=label_smoothing)
        self.temperature, self.weight = temperature, weight

    def loss(self, outputs: Tensor, targets: Tensor, teacher: Tensor | None = None) -> Tensor:
        if teacher is None:
            return self.labels.loss(outputs, targets)
        t = self.temperature
        soft = F.softmax(teacher.flatten(0, -2) / t, dim=-1)
        distilled = t**2 * F.cross_entropy(outputs.flatten(0, -2) / t, soft)
        if self.weight == 1:
            return distilled
        return self.weight * distilled + (1 - self.weight) * self.labels.loss(outputs, targets)

    def measures(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return self.labels.measures(outputs, targets)
