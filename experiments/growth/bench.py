"""Training the networks of the study, and measuring them along the way."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, cached_property, partial
from itertools import islice
from pathlib import Path

import torch
from tasks import TASKS, Task
from torch.utils.data import TensorDataset

from hypernas import training
from hypernas.data import Batches, Data, in_order
from hypernas.evaluation import step_flops
from hypernas.generators import Generator
from hypernas.growth import Growth, Scratch, Stages
from hypernas.objectives import CrossEntropy, assess
from hypernas.sampling import Fixed
from hypernas.training import Callback, Diverged, Event, Strategy, Training, TrainingRun, Validated
from hypernas.training.callbacks import Checkpoints, Validation
from hypernas.training.optimizer import Memory

SHARE = 0.7  # of the compute of the large network from scratch, for every arm but `scratch`
POINTS = 5  # measurements of a phase


class Points(Callback):
    """The score on the test split at each validation."""

    def __init__(self, task: Task, data: Data, *, a_step: float, spent: float) -> None:
        self.task, self.data, self.a_step, self.spent = task, data, a_step, spent
        self.rows: list[dict[str, float]] = []

    def measure(self, step: int, generator: Generator) -> None:
        score = score_of(generator, self.task, self.data, split="test")
        flops = self.spent + step * self.a_step
        self.rows.append({"train_flops": flops, "score": round(score, 5), "step": step})

    def __call__(self, run: TrainingRun, event: Event) -> None:
        if isinstance(event, Validated):
            self.measure(event.step, run.generator)
            run.generator.train()


@torch.no_grad()
def score_of(generator: Generator, task: Task, data: Data, *, split: str) -> float:
    """Of the largest network, norms calibrated on training data."""
    largest = generator.space.largest()
    batches = (x for x, _ in islice(Batches(data.train, batch_size=128).starting_at(0), 8))
    network = generator.export(largest, statistics=generator.calibrate(largest, batches))
    found = assess(network, in_order(getattr(data, split)), CrossEntropy(label_smoothing=0.0))
    return task.scale * found[task.measure]


@cache
def data_of(name: str) -> Data:
    return TASKS[name].data()


def cut(data: Data, num: int) -> Data:
    """With only the first examples of validation and test."""
    parts = {
        split: TensorDataset(*(tensor[:num] for tensor in getattr(data, split).tensors))
        for split in ("validation", "test")
    }
    return replace(data, **parts)


class Bench:
    """Training of one task, at some size.

    Args:
        steps: of the large network, and then only a few examples are measured; None for the task's.
        folder: where trained small networks are kept.
    """

    def __init__(self, name: str, *, steps: int | None, folder: Path) -> None:
        task = TASKS[name]
        self.name, self.folder = name, folder
        staged = task.stage_steps and min(task.stage_steps, steps or task.stage_steps)
        self.task = replace(task, steps=steps or task.steps, stage_steps=staged)
        self.data = data_of(name) if steps is None else cut(data_of(name), 50)
        self.space = task.space(self.data)
        self.objective = CrossEntropy(label_smoothing=task.smoothing)

    def a_step(self, generator: Generator) -> float:
        return step_flops(
            generator,
            self.data,
            sampler=Fixed(),
            objective=self.objective,
            batch_size=self.task.batch_size,
            num=1,
        )

    @cached_property
    def full(self) -> float:
        """FLOPs of the large network from scratch."""
        large = Scratch().grow([], self.space, to=self.task.large, seed=0)
        return self.a_step(large) * self.task.steps

    def train(
        self,
        generator: Generator,
        *,
        lr: float,
        seed: int,
        steps: int,
        points: Points | None = None,
        memory: Memory | None = None,
        folder: Path | None = None,
    ) -> float | None:
        """Train in place; the measure on validation at the end, None if training diverged."""
        every = max(1, steps // POINTS) if points else steps
        validation = Validation(every=every, num_subnets=0, calibration_batches=8)
        saves = [] if folder is None else [Checkpoints(folder, every=10**9)]
        try:
            final = Training(steps=steps, batch_size=self.task.batch_size).run(
                generator,
                training.Task(self.data, self.objective),
                Strategy(sampler=Fixed(), optimizer=optimizer(lr), seed=seed, memory=memory),
                callbacks=[*([points] if points else []), validation, *saves],
                device="cpu",
            )
        except Diverged:
            return None
        return round(self.task.scale * final[self.task.measure], 5)

    def member(self, method: Growth, m: int, *, lr: float, seed: int) -> Generator:
        return method.member(self.space, self.task.small, seed=10 * seed + m)

    def stages(
        self, method: Growth, generators: list[Generator], *, lr: float, seed: int
    ) -> tuple[list[Generator], float]:
        """Trained stages of a method, none for most, and their FLOPs."""
        if not isinstance(method, Stages):
            return [], 0.0
        steps, found, spent = self.task.stage_steps or 0, [], 0.0
        for i in range(method.num_stages(self.space, self.task.small, to=self.task.large)):
            stage = method.stage(i, generators, self.space, to=self.task.large, seed=seed)
            self.train(stage, lr=lr, seed=10 * seed + i, steps=steps)
            spent += self.a_step(stage) * steps
            found.append(stage.eval())
        return found, spent

    def grown_steps(self, arm: str, grown: Generator, spent: float) -> int:
        share = 1.0 if arm == "scratch" else SHARE
        return max(1, int((share * self.full - spent) / self.a_step(grown)))


def optimizer(lr: float) -> Callable[..., torch.optim.Optimizer]:
    return partial(torch.optim.AdamW, lr=lr, weight_decay=0.01, fused=True)
