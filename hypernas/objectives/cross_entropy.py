"""Classification and next-symbol prediction."""

from torch import Tensor
from torch.nn import functional as F

from hypernas.objectives.objective import Objective

# Legend: logits (N, ..., C) over C classes, targets (N, ...) of class indices;
# every position of the axes between is a prediction of its own.


class CrossEntropy(Objective):
    """Cross-entropy with label smoothing.

    Args:
        label_smoothing: share of the target probability that is spread over all classes.
    """

    def __init__(self, *, label_smoothing: float = 0.1) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing}.")
        self.label_smoothing = label_smoothing

    def loss(self, outputs: Tensor, targets: Tensor, teacher: Tensor | None = None) -> Tensor:
        return F.cross_entropy(
            outputs.flatten(0, -2), targets.flatten(), label_smoothing=self.label_smoothing
        )

    def measures(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """`accuracy` (0 or 1) and `cross_entropy` (nats, without smoothing) of each prediction."""
        logits, labels = outputs.flatten(0, -2), targets.flatten()
        return {
            "accuracy": (logits.argmax(-1) == labels).float(),
            "cross_entropy": F.cross_entropy(logits.float(), labels, reduction="none"),
        }
