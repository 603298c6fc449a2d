"""Classification and next-symbol prediction."""

from typing import Any

import torch
from torch import Tensor

from hypernas.objectives.by_example import ByExample
from hypernas.objectives.counted import Counted, counted
from hypernas.objectives.logits import cross_entropies, logits_of, rows_of_classes
from hypernas.objectives.objective import Objective

# Legend: logits (N, ..., C) over C classes, targets (N, ...) of class indices;
# every position of the axes between is a prediction of its own.


class CrossEntropy(Objective, Counted, ByExample):
    """Cross-entropy with label smoothing.

    Targets of -100 count nowhere: they are no predictions. Without any other the loss is 0.

    Args:
        label_smoothing: share of the target probability that is spread over all classes.
        output: name or position of the logits among several outputs: see `logits_of`.
        class_axis: of the logits; None for the last, where no other can be meant. Channels-first
            logits (N, C, H, W) need 1.
    """

    def __init__(
        self,
        *,
        label_smoothing: float = 0.1,
        output: str | int | None = None,
        class_axis: int | None = None,
    ) -> None:
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing}.")
        self.label_smoothing, self.output, self.class_axis = label_smoothing, output, class_axis

    def loss(self, outputs: Any, targets: Tensor, teacher: Any = None) -> Tensor:
        labels = targets.flatten()
        logits = self.logits(outputs, targets)
        loss = cross_entropies(
            logits, labels, label_smoothing=self.label_smoothing, reduction="mean"
        )
        # a mean of nothing is no number
        return torch.where(counted(labels).any(), loss, 0.0)

    def measures(self, outputs: Any, targets: Tensor) -> dict[str, Tensor]:
        """`accuracy` (0 or 1) and `cross_entropy` (nats, without smoothing) of each prediction."""
        labels = targets.flatten()
        those = counted(labels)
        logits, labels = self.logits(outputs, targets)[those], labels[those]
        return {
            "accuracy": (logits.argmax(-1) == labels).float(),
            "cross_entropy": cross_entropies(logits.float(), labels),
        }

    def num_counted(self, targets: Any) -> int | None:
        return int(counted(targets).sum()) if isinstance(targets, Tensor) else None

    def losses(self, outputs: Any, targets: Tensor) -> Tensor:
        each = cross_entropies(
            self.logits(outputs, targets),
            targets.flatten(),
            label_smoothing=self.label_smoothing,
        )
        return each.view(len(targets), -1).sum(1) * _scale(targets)

    @torch.no_grad()
    def gradient_norms(self, outputs: Any, targets: Tensor) -> Tensor:
        """That of softmax(logits) - target over all predictions of an example."""
        labels = targets.flatten()
        logits, those = self.logits(outputs, targets).float(), counted(labels)
        rows = torch.arange(len(labels), device=labels.device)
        difference = logits.softmax(-1) - self.label_smoothing / logits.shape[-1]
        difference[rows, labels.where(those, 0)] -= 1 - self.label_smoothing
        squares = difference.square().sum(-1) * those
        return squares.view(len(targets), -1).sum(1).sqrt() * _scale(targets)

    def logits(
        self, outputs: Any, targets: Tensor | None
    ) -> Tensor:  # shape: (M, C), a row for each target
        """The logits of each prediction.

        Raises:
            ValueError: see `logits_of` and `rows_of_classes`.
        """
        return rows_of_classes(logits_of(outputs, self.output), targets, self.class_axis)


def _scale(targets: Tensor) -> Tensor:  # shape: ()
    """The factor that makes sums over examples' predictions a mean over all that count, times N."""
    return len(targets) / counted(targets).sum().clamp(min=1)
