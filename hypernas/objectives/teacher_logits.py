"""Distillation of a frozen teacher's logits."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.objectives.counted import Counted, counted
from hypernas.objectives.distillation import softened_cross_entropy
from hypernas.objectives.frozen_teacher import FrozenTeacher
from hypernas.objectives.logits import logits_of, rows_of_classes
from hypernas.objectives.objective import Objective
from hypernas.objectives.taught import Taught
from hypernas.objectives.widening import check_alone


class TeacherLogits(Objective, Counted, Taught):
    """The softened predictions of a teacher of any architecture, with the labels or without.

    Loss of a subnet: `weight` T² CE(softmax(teacher / T), student / T) + (1 - `weight`) of the loss of
    the labels (Hinton et al., 2015, arXiv 1503.02531). Positions with the target -100 count nowhere.
    `agreement` is measured too: 1 where the likeliest class is the teacher's.

    Args:
        teacher: a module with logits over the same classes.
        labels: the objective of the labels; None for none, for data without them.
        temperature: T.
        weight: share of the teacher.
        output, teacher_output: name or position of the logits among the student's and among the
            teacher's outputs: see `logits_of`.
        class_axis: of the logits: see `CrossEntropy`.
        num_stored: examples whose teacher logits are kept: see `FrozenTeacher`.

    Raises:
        ValueError: if T is not positive, or a share of labels is wanted and there is no objective.
    """

    def __init__(
        self,
        *,
        teacher: nn.Module,
        labels: Objective | None = None,
        temperature: float = 1.0,
        weight: float = 1.0,
        output: str | int | None = None,
        teacher_output: str | int | None = None,
        class_axis: int | None = None,
        num_stored: int = 0,
    ) -> None:
        if temperature <= 0 or not 0 <= weight <= 1:
            raise ValueError(
                f"temperature must be positive and weight in [0, 1], got {temperature}, {weight}."
            )
        if labels is None and weight < 1:
            raise ValueError(
                f"weight={weight} leaves a share to labels: give labels=CrossEntropy()."
            )
        check_alone(labels, "TeacherLogits")
        self.labels, self.temperature, self.weight = labels, temperature, weight
        self.output, self.class_axis = output, class_axis
        read = partial(logits_of, output=teacher_output)
        self.teacher = FrozenTeacher(teacher, read=read, num_stored=num_stored)

    def teach(self, inputs: Any) -> Tensor:
        return self.teacher(inputs)

    def loss(self, outputs: Any, targets: Any, teacher: Any = None) -> Tensor:
        student, taught, those = self._predictions(outputs, targets, teacher)
        found = softened_cross_entropy(student, taught, those, temperature=self.temperature)
        if self.labels is None or self.weight == 1:
            return found
        return self.weight * found + (1 - self.weight) * self.labels.loss(outputs, targets)

    def measures(self, outputs: Any, targets: Any) -> dict[str, Tensor]:
        return {} if self.labels is None else self.labels.measures(outputs, targets)

    def fidelity(self, outputs: Any, targets: Any, teacher: Any) -> dict[str, Tensor]:
        student, taught, those = self._predictions(outputs, targets, teacher)
        return {"agreement": (student.argmax(-1) == taught.argmax(-1))[those].float()}

    def num_counted(self, targets: Any) -> int | None:
        classes = isinstance(targets, Tensor) and not targets.is_floating_point()
        return int(counted(targets).sum()) if classes else None

    def _predictions(
        self, outputs: Any, targets: Any, teacher: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:  # (M, C), (M, C), and (M,) for those that count
        student = logits_of(outputs, self.output)
        if student.shape != teacher.shape:
            raise ValueError(
                f"a teacher's logits must have the shape of the student's, {tuple(student.shape)}, got "
                f"{tuple(teacher.shape)}: it predicts other classes, or at other places. "
                f"TeacherRelations and TeacherSimilarities need neither to agree."
            )
        rows = rows_of_classes(student, None, self.class_axis)
        those = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
        if self.num_counted(targets) is not None and targets.numel() == len(rows):
            those = counted(targets.flatten())
        return rows, rows_of_classes(teacher, None, self.class_axis), those
