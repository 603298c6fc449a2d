"""Distillation of the similarities of a frozen teacher's examples."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypernas.objectives.logits import logits_of
from hypernas.objectives.teacher_states import States, TeacherStates


class TeacherSimilarities(TeacherStates):
    """The mean squared difference of cosine similarities between the examples of a batch.

    Of examples, not of tokens: states (N, D) are taken as they are, states (N, T, D) are averaged over
    tokens first, as sentence encoders do. The widths of student and teacher may differ. After
    similarity-preserving distillation (Tung and Mori, 2019, arXiv 1907.09682), with cosines in place of
    rows of unit length. `similarity_error` of each example is measured: the mean over the others of its
    batch, so that batches of one size compare.

    Args:
        teacher: a module with states of the same examples.
        output, teacher_output: name or dotted path of the states: see `logits_of`.
        mask: name of the keyword input that is 0 where there is no token; without it all are tokens.
        num_stored: examples whose teacher states are kept: see `FrozenTeacher`.
    """

    def __init__(
        self,
        *,
        teacher: nn.Module,
        output: str | int = "last_hidden_state",
        teacher_output: str | int = "last_hidden_state",
        mask: str = "attention_mask",
        num_stored: int = 0,
    ) -> None:
        super().__init__(
            teacher=teacher,
            output=output,
            teacher_output=teacher_output,
            mask=mask,
            num_stored=num_stored,
        )

    def loss(self, outputs: Any, targets: Any, teacher: Any = None) -> Tensor:
        return self._errors(outputs, teacher).mean()

    def fidelity(self, outputs: Any, targets: Any, teacher: Any) -> dict[str, Tensor]:
        return {"similarity_error": self._errors(outputs, teacher)}

    def _errors(self, outputs: Any, teacher: States) -> Tensor:  # shape: (N,)
        student = _similarities(logits_of(outputs, self.output), teacher.mask)
        difference = student - _similarities(teacher.states, teacher.mask)
        others = max(len(difference) - 1, 1)  # the similarity to oneself is 1 for both
        return difference.square().sum(1) / others


def _similarities(
    states: Tensor,  # shape: (N, D) or (N, T, D)
    mask: Tensor | None,  # shape: (N, T)
) -> Tensor:  # shape: (N, N), cosines
    if states.dim() == 3:
        every = torch.ones(states.shape[:2], device=states.device)
        weights = (every if mask is None else mask).to(states.dtype)[..., None]
        states = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
    if states.dim() != 2:
        raise ValueError(
            f"states of examples must have the shape (N, D) or (N, T, D), got {tuple(states.shape)}."
        )
    unit = F.normalize(states, dim=-1)
    return unit @ unit.mT
