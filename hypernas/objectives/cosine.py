"""Regression of embeddings by their direction."""

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from hypernas.objectives.logits import logits_of
from hypernas.objectives.objective import Objective


class Cosine(Objective):
    """One minus the cosine between an embedding and its target, of any length.

    Targets are embeddings, shape (N, D): those of a trained encoder, computed once, make a student
    whose embeddings can be compared with the encoder's own. For a student of another width there is
    `TeacherSimilarities`. `cosine` of each example is measured.

    Args:
        output: name or position of the embeddings among several outputs: see `logits_of`.
    """

    def __init__(self, *, output: str | int | None = None) -> None:
        self.output = output

    def loss(self, outputs: Any, targets: Tensor, teacher: Any = None) -> Tensor:
        return 1 - self._cosines(outputs, targets).mean()

    def measures(self, outputs: Any, targets: Tensor) -> dict[str, Tensor]:
        return {"cosine": self._cosines(outputs, targets)}

    def _cosines(self, outputs: Any, targets: Tensor) -> Tensor:  # shape: (N,)
        embeddings = logits_of(outputs, self.output)
        if embeddings.shape != targets.shape or embeddings.dim() != 2:
            raise ValueError(
                f"embeddings and their targets must have one shape (N, D), got "
                f"{tuple(embeddings.shape)} and {tuple(targets.shape)}."
            )
        return F.cosine_similarity(embeddings.float(), targets.float(), dim=-1)
