"""The loss that a module computes itself."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hypernas.objectives.counted import Counted, counted
from hypernas.objectives.logits import logits_of, rows_of_classes
from hypernas.objectives.objective import Objective
from hypernas.subnet.structure import parts, tensors


class OwnLoss(Objective, Counted):
    """The module's own loss, as models of transformers return it when their inputs hold `labels`.

    It is the outputs' `loss`, their first part if that is a single number, or the outputs themselves if
    they are. Where the targets are classes, their measures are weighted by those that are not -100.

    `accuracy` is measured too where the outputs have logits whose cross-entropy is that loss, at the
    places of the targets or at the places before them (language models shift labels themselves): so no
    accuracy is of the wrong places, and a loss that is something else has none.

    Args:
        output: name or position of the logits among the outputs: see `logits_of`.
        shifted: True for a module that shifts labels itself, so that the first of each sequence is no
            prediction and does not count when batches and ranks are weighted.
    """

    def __init__(self, *, output: str | int | None = None, shifted: bool = False) -> None:
        self.output, self.shifted = output, shifted

    def loss(self, outputs: Any, targets: Any, teacher: Any = None) -> Tensor:
        found = outputs if isinstance(outputs, Tensor) else _named(outputs)
        if not isinstance(found, Tensor) or found.numel() != 1:
            got = f"{type(outputs).__name__} of {[name for name, _ in parts(outputs)]}"
            if isinstance(outputs, Tensor):
                got = f"a tensor of the shape {tuple(outputs.shape)}"
            raise ValueError(
                f"objective own_loss reads the loss that the module computes, a single number called "
                f"`loss` or first among its outputs, but the module returned {got}: give it what it "
                f"computes a loss of (its inputs a mapping with `labels`), or take another objective."
            )
        return found.reshape(())

    def measures(self, outputs: Any, targets: Any) -> dict[str, Tensor]:
        """`loss`, once for each prediction that counts, and `accuracy` of each, where that is clear."""
        loss = self.loss(outputs, targets)
        if found := self._predictions(outputs, targets, loss):
            logits, labels = found
            right = (logits.argmax(-1) == labels).float()
            return {"loss": loss.expand(len(right)), "accuracy": right}
        num = self.num_counted(targets)
        if num is None:
            sizes = (len(tensor) for tensor in tensors(outputs) if tensor.dim())
            num = next(sizes, 1)
        return {"loss": loss.expand(num)}

    def num_counted(self, targets: Any) -> int | None:
        if not isinstance(targets, Tensor) or not targets.dim():
            return None
        classes = not targets.is_floating_point()
        if classes and self.shifted and targets.dim() > 1:
            targets = targets[:, 1:]
        return int(counted(targets).sum()) if classes else len(targets)

    def _predictions(
        self, outputs: Any, targets: Any, loss: Tensor
    ) -> tuple[Tensor, Tensor] | None:  # logits (M, C), classes (M,)
        """Those whose mean cross-entropy is the loss; None if there are none."""
        if not isinstance(targets, Tensor) or targets.dtype != torch.long:
            return None
        try:
            logits = logits_of(outputs, self.output)
        except ValueError:
            return None
        if logits.dim() != targets.dim() + 1 or logits.shape[:-1] != targets.shape:
            return None
        tolerance = 1e-4 if loss.dtype == torch.float32 else 1e-2
        places = [(logits, targets)]
        if targets.dim() > 1:
            places.append((logits[:, :-1], targets[:, 1:]))
        for some, labels in places:
            rows, classes = rows_of_classes(some, labels, -1), labels.flatten()
            those = counted(classes)
            rows, classes = rows[those].float(), classes[those]
            if len(rows) and torch.isclose(
                F.cross_entropy(rows, classes), loss.float(), rtol=tolerance, atol=tolerance
            ):
                return rows, classes
        return None


def _named(outputs: Any) -> Any:
    """The part called loss, or the first."""
    within = dict(parts(outputs))
    return within.get("loss", getattr(outputs, "loss", next(iter(within.values()), None)))
