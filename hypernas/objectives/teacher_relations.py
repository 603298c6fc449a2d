"""Distillation of the relations among a frozen teacher's token states."""

from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from hypernas.objectives.logits import logits_of
from hypernas.objectives.teacher_states import States, TeacherStates

# Legend: states (N, T, D) of N examples with T tokens, masks (N, T), truthy where a token is.


class TeacherRelations(TeacherStates):
    """The divergence of self-relations of tokens: of any two widths, with no projection to learn.

    Relations are softmax(S Sᵀ / √(D / heads)) of the states of each head; the loss is the mean of
    KL(teacher || student) over heads and tokens (MiniLMv2, Wang et al., 2021, arXiv 2012.15828, with
    states in place of queries, keys and values). `relation_divergence` of each token is measured.

    Args:
        teacher: a module whose states are of the same tokens.
        output, teacher_output: name or dotted path of the states among the student's and the
            teacher's outputs, such as `hidden_states.-1`: see `logits_of`.
        num_heads: into which both states are divided.
        mask: name of the keyword input that is 0 where there is no token; without it all are tokens.
        num_stored: examples whose teacher states are kept: see `FrozenTeacher`.
    """

    def __init__(
        self,
        *,
        teacher: nn.Module,
        output: str | int = "last_hidden_state",
        teacher_output: str | int = "last_hidden_state",
        num_heads: int = 1,
        mask: str = "attention_mask",
        num_stored: int = 0,
    ) -> None:
        if num_heads < 1:
            raise ValueError(f"num_heads must be 1 or more, got {num_heads}.")
        self.num_heads = num_heads
        super().__init__(
            teacher=teacher,
            output=output,
            teacher_output=teacher_output,
            mask=mask,
            num_stored=num_stored,
        )

    def loss(self, outputs: Any, targets: Any, teacher: Any = None) -> Tensor:
        return self._divergences(outputs, teacher).mean()

    def fidelity(self, outputs: Any, targets: Any, teacher: Any) -> dict[str, Tensor]:
        return {"relation_divergence": self._divergences(outputs, teacher)}

    def _divergences(self, outputs: Any, teacher: States) -> Tensor:  # shape: (M,), of each token
        states = logits_of(outputs, self.output)
        if states.shape[:2] != teacher.states.shape[:2] or states.dim() != 3:
            raise ValueError(
                f"states of tokens must have the shapes (N, T, D) with the teacher's N and T, got "
                f"{tuple(states.shape)} of the student and {tuple(teacher.states.shape)} of the teacher."
            )
        every = torch.ones(states.shape[:2], device=states.device)
        mask = (every if teacher.mask is None else teacher.mask).bool()
        student, taught = (self._relations(x, mask) for x in (states, teacher.states))
        divergences = F.kl_div(student, taught, reduction="none", log_target=True).sum(-1)
        return divergences.mean(1)[mask]

    def _relations(
        self,
        states: Tensor,
        mask: Tensor,
    ) -> Tensor:  # shape: (N, heads, T, T), logarithms
        if states.shape[-1] % self.num_heads:
            raise ValueError(
                f"num_heads={self.num_heads} does not divide states of {states.shape[-1]} numbers."
            )
        split = rearrange(states, "n t (h d) -> n h t d", h=self.num_heads)
        scores = split @ split.mT / split.shape[-1] ** 0.5
        lowest = torch.finfo(scores.dtype).min  # no infinity, of which 0 times is no number
        return scores.masked_fill(~mask[:, None, None], lowest).log_softmax(-1)
