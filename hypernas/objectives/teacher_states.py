"""Common parts of the distillations of a frozen teacher's states."""

from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, nn

from hypernas.objectives.frozen_teacher import FrozenTeacher
from hypernas.objectives.logits import logits_of
from hypernas.objectives.objective import Objective
from hypernas.objectives.taught import Taught
from hypernas.subnet.arguments import Arguments


class States(NamedTuple):
    """A teacher's states, and which of them are of tokens; None for all."""

    states: Tensor  # shape: (N, T, D), or (N, D) of whole examples
    mask: Tensor | None  # shape: (N, T)


class TeacherStates(Objective, Taught):
    """A loss on the states of a frozen teacher, which reads no targets.

    Args:
        teacher: a module with states of the same examples or tokens.
        output, teacher_output: name or dotted path of the states among the student's and the
            teacher's outputs, such as `hidden_states.-1`: see `logits_of`.
        mask: name of the keyword input that is 0 where there is no token; without it all are tokens.
        num_stored: examples whose teacher states are kept: see `FrozenTeacher`.
    """

    def __init__(
        self,
        *,
        teacher: nn.Module,
        output: str | int,
        teacher_output: str | int,
        mask: str,
        num_stored: int,
    ) -> None:
        self.output, self.mask = output, mask
        read = partial(logits_of, output=teacher_output)
        self.teacher = FrozenTeacher(teacher, read=read, num_stored=num_stored)

    def teach(self, inputs: Any) -> States:
        return States(self.teacher(inputs), Arguments.of(inputs).keywords.get(self.mask))

    def measures(self, outputs: Any, targets: Any) -> dict[str, Tensor]:
        return {}
