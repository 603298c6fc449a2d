"""Distillation of several relations of a frozen teacher, by their squared differences."""

from collections.abc import Sequence
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from hypernas.objectives.frozen_teacher import FrozenTeacher
from hypernas.objectives.logits import logits_of
from hypernas.objectives.objective import Objective
from hypernas.objectives.taught import Taught

# Legend: states (N, T, D) of N examples with T tokens, X of them (queries, keys, values, or others).


class TeacherRelationError(Objective, Taught):
    """The mean squared difference of self-relations of tokens, summed over kinds of states.

    AutoDistil (Xu et al., 2022, arXiv 2201.12507): R_X = softmax(X Xᵀ / √d) for each relation head of width d, of the queries, keys
    and values of the last layer, and Σ_X β_X mean (R_X of the teacher - R_X of the student)². Heads are those of
    the concatenated states, divided anew into as many as the teacher's, so that widths may differ and nothing
    is projected. `relation_error` of each example is measured: subnets are selected by the same loss. Any states will do,
    where queries, keys and values are not given out.

    Args:
        teacher: a module whose states are of the same tokens.
        outputs: names or dotted paths of the states among the student's outputs, X of them; null is the
            output itself: see `logits_of`.
        teacher_outputs: and among the teacher's, in the same order.
        weights: β of each; None for ones.
        num_heads: into which all states are divided.

    Raises:
        ValueError: if there are not as many outputs of the teacher, or weights, or no head.
    """

    def __init__(
        self,
        *,
        teacher: nn.Module,
        outputs: Sequence[str | int | None] = ("last_hidden_state",),
        teacher_outputs: Sequence[str | int | None] = ("last_hidden_state",),
        weights: Sequence[float] | None = None,
        num_heads: int = 1,
    ) -> None:
        self.weights = [1.0] * len(outputs) if weights is None else list(weights)
        if not len(outputs) == len(teacher_outputs) == len(self.weights) or num_heads < 1:
            raise ValueError(
                f"states need as many names of the teacher's outputs and weights, and a head or more, got "
                f"{len(outputs)} outputs, {len(teacher_outputs)} of the teacher, {len(self.weights)} weights, "
                f"num_heads={num_heads}."
            )
        self.outputs, self.teacher_outputs = list(outputs), list(teacher_outputs)
        self.num_heads = num_heads
        self.teacher = FrozenTeacher(teacher, read=self._taught)

    def _taught(self, found: Any) -> Tensor:  # shape: (N, X, heads, T, T)
        states = [logits_of(found, name) for name in self.teacher_outputs]
        return torch.stack([relations(x, self.num_heads) for x in states], 1)

    def teach(self, inputs: Any) -> Tensor:
        return self.teacher(inputs)

    def loss(self, outputs: Any, targets: Any, teacher: Any = None) -> Tensor:
        return self._errors(outputs, teacher).mean()

    def measures(self, outputs: Any, targets: Any) -> dict[str, Tensor]:
        return {}

    def fidelity(self, outputs: Any, targets: Any, teacher: Any) -> dict[str, Tensor]:
        return {"relation_error": self._errors(outputs, teacher)}

    def _errors(self, outputs: Any, teacher: Tensor) -> Tensor:  # shape: (N,)
        errors = []
        for i, name in enumerate(self.outputs):
            own, taught = relations(logits_of(outputs, name), self.num_heads), teacher[:, i]
            if own.shape != taught.shape:
                raise ValueError(
                    f"relations of tokens must be of the teacher's shape (N, heads, T, T), got {tuple(own.shape)} of "
                    f"the student's {name!r} and {tuple(taught.shape)} of the teacher."
                )
            errors.append(self.weights[i] * (own - taught).square().flatten(1).mean(1))
        return torch.stack(errors).sum(0)


def relations(states: Tensor, num_heads: int) -> Tensor:  # shape: (N, heads, T, T)
    """softmax(X Xᵀ / √d) of the states of each head.

    Raises:
        ValueError: if states are no sequences, or cannot be divided into the heads.
    """
    if states.dim() != 3 or states.shape[-1] % num_heads:
        raise ValueError(
            f"states of tokens must have the shape (N, T, D), D a multiple of num_heads={num_heads}, got "
            f"{tuple(states.shape)}."
        )
    split = rearrange(states, "n t (h d) -> n h t d", h=num_heads)
    return (split @ split.mT / split.shape[-1] ** 0.5).softmax(-1)
