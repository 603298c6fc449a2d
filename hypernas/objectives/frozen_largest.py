"""Distillation of the largest subnet as it once was."""

from typing import Any

from torch import Tensor, nn

from hypernas.events import Acquainted, Begun, Event, Observer, Stateful, Stepped
from hypernas.events.acquainted import Exporting
from hypernas.events.stateful import State
from hypernas.objectives.counted import Counted, counted
from hypernas.objectives.cross_entropy import CrossEntropy
from hypernas.objectives.distillation import softened_cross_entropy
from hypernas.objectives.frozen_teacher import FrozenTeacher
from hypernas.objectives.logits import logits_of
from hypernas.objectives.objective import Objective
from hypernas.objectives.passing import Passing
from hypernas.objectives.taught import Taught
from hypernas.subnet.skeleton import build_seeded


class FrozenLargest(Objective, Counted, Taught, Passing, Acquainted, Observer, Stateful):
    """The labels, and the predictions of the largest subnet as it was after the first part of training.

    Once-for-All (Cai et al., 2020, arXiv 1908.09791): the largest is trained first, by a sampler that draws it alone (`Progressive`), and
    what it is then teaches all that follows; the loss is CE(labels) + `ratio` T² CE(softmax(teacher / T), student / T). Up to there, and
    where nothing was trained, it is the labels alone. The teacher runs in evaluation mode, with the norm statistics of its
    time. Positions with the target -100 count nowhere.

    Args:
        share: of training before the teacher is kept: that of the sampler's first phase.
        ratio: of the teacher's part.
        temperature: T.
        label_smoothing: for the labels.
        output, class_axis: where the logits are: see `CrossEntropy`.

    Raises:
        ValueError: if the share is not between 0 and 1, the ratio negative or T not positive.
    """

    def __init__(
        self,
        *,
        share: float = 0.3,
        ratio: float = 1.0,
        temperature: float = 1.0,
        label_smoothing: float = 0.1,
        output: str | int | None = None,
        class_axis: int | None = None,
    ) -> None:
        if not 0 < share < 1 or ratio < 0 or temperature <= 0:
            raise ValueError(
                f"share must be between 0 and 1, ratio 0 or more and temperature positive, got {share}, {ratio}, "
                f"{temperature}."
            )
        self.labels = CrossEntropy(
            label_smoothing=label_smoothing, output=output, class_axis=class_axis
        )
        self.share, self.ratio, self.temperature = share, ratio, temperature
        self.teacher: FrozenTeacher | None = None
        self._generator: Exporting | None = None

    def meet(self, generator: Exporting) -> None:
        self._generator, self.teacher = generator, None

    def see(self, event: Event) -> None:
        if self.teacher is not None or self._generator is None:
            return
        timed = isinstance(event, Begun | Stepped)
        if timed and event.step == self._last_alone(event.steps):
            self._keep(self._generator.export(self._generator.space.largest()))

    def passes(self, step: int, steps: int) -> int:
        return int(step > self._last_alone(steps))

    def teach(self, inputs: Any) -> Tensor | None:
        return None if self.teacher is None else self.teacher(inputs)

    def loss(self, outputs: Any, targets: Tensor, teacher: Any = None) -> Tensor:
        found = self.labels.loss(outputs, targets)
        if teacher is None:
            return found
        soft = softened_cross_entropy(
            self.labels.logits(outputs, targets),
            self.labels.logits(teacher, targets),
            counted(targets.flatten()),
            temperature=self.temperature,
        )
        return found + self.ratio * soft

    def measures(self, outputs: Any, targets: Tensor) -> dict[str, Tensor]:
        return self.labels.measures(outputs, targets)

    def fidelity(self, outputs: Any, targets: Any, teacher: Any) -> dict[str, Tensor]:
        return {}  # of a subnet of its own, which is measured as all are

    def num_counted(self, targets: Any) -> int | None:
        return self.labels.num_counted(targets)

    def state(self) -> State:
        return {} if self.teacher is None else dict(self.teacher.module.state_dict())

    def restore(self, state: State) -> None:
        if state and self._generator is not None:
            space = self._generator.space
            module = build_seeded(space, space.largest())
            some = next(
                t for t in state.values() if isinstance(t, Tensor) and t.is_floating_point()
            )
            module.to(some.dtype).load_state_dict(dict(state))
            self._keep(module)

    def _last_alone(self, steps: int) -> int:
        """The last step without a teacher, of so many."""
        return max(1, round(self.share * steps))

    def _keep(self, module: nn.Module) -> None:
        self.teacher = FrozenTeacher(module.requires_grad_(False), read=self._logits)

    def _logits(self, outputs: Any) -> Tensor:
        return logits_of(outputs, self.labels.output)
