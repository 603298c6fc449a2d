"""The course of a stream: tasks trained one after another, each measured with all before it."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import nn

from hypernas.border import checked
from hypernas.continual.method import Method, Phase, Regularized, Rehearsing, Watching
from hypernas.continual.tasks import Tasks
from hypernas.data import Data, num_examples
from hypernas.distributed import ProcessGroup
from hypernas.distributed.replicated import Replicated
from hypernas.events import Observer
from hypernas.generators import Generator
from hypernas.generators.methods.standalone import has_late_parameters
from hypernas.masks import training_only
from hypernas.objectives import Objective, assess
from hypernas.sampling import Contest, Fixed, Sampler, rows_of
from hypernas.sampling.examples import Examples
from hypernas.sampling.weighted import Weighted
from hypernas.training import Diverged
from hypernas.training.gradients import add_gradients
from hypernas.training.optimizer import optimizer_groups
from hypernas.training.part import Part

MakeOptimizer = Callable[..., torch.optim.Optimizer]  # groups of parameters -> one


@dataclass(frozen=True, kw_only=True)
class Course:
    """The way in which each task is trained and measured.

    Attributes:
        steps: of a task, all of its phases together.
        batch_size: examples of a step.
        split: that is measured: test, or validation to try ideas out.
        measure: of the objective, one of which more is better.
        subnets: architectures that are measured: largest, smallest, or choices; the first is the one in summaries.
    """

    steps: int = 500
    batch_size: int = 64
    split: str = "test"
    measure: str = "accuracy"
    subnets: Sequence[Any] = ("largest",)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 1:
            raise ValueError(
                f"steps and batch_size must be 1 or more, got {self.steps} and {self.batch_size}."
            )
        if self.split not in ("test", "validation", "train"):
            raise ValueError(f"split must be test, validation or train, got {self.split!r}.")
        if isinstance(self.subnets, str) or not self.subnets:
            raise ValueError(f"subnets must be a list of one or more, got {self.subnets!r}.")


@dataclass(frozen=True)
class Learned:
    """Scores and time of a task that was learned.

    Attributes:
        task: its number, from 1; 0 stands for the network before any.
        scores: subnet -> task -> score, of all tasks learned; before the first, of all there are.
        start: subnet -> the score of this task as it began.
        seconds: of CPU time that its training took.
    """

    task: int
    scores: dict[str, dict[int, float]]
    start: dict[str, float]
    seconds: float


@checked
def learn(
    method: Method,
    tasks: Tasks,
    objective: Objective,
    *,
    course: Course,
    optimizer: MakeOptimizer,
    sampler: Sampler | None = None,
    seed: int = 0,
    begin: int | None = None,
) -> Iterator[Learned]:
    """Learn the tasks of a stream, telling of each as it ends; before the first, of the network as it is.

    A task depends on nothing but the method's state before it, the seed and its number, so a stream can be gone on with between
    any two.

    Args:
        optimizer: makes one of groups of parameters, whose decay and factors of the learning rate are those of `ParameterGroup`.
        sampler: of the architectures of a step; None for the largest.
        begin: number of tasks that were learned already; None measures the network first.

    Raises:
        ValueError: if the objective has no such measure, or a part wants more than a course tells it.
        Diverged: if a loss is no number.
    """
    _check(method.generator, objective, sampler or Fixed())
    run = _Run(method, tasks, objective, course, optimizer, sampler or Fixed())
    if begin is None:
        begin = 0
        yield Learned(0, run.measured(range(tasks.num)), {}, 0.0)
    seen = [tasks.task(i) for i in range(begin)] if isinstance(method, Rehearsing) else []
    for task in range(begin, tasks.num):
        data = tasks.task(task)
        seen = [*seen, data] if isinstance(method, Rehearsing) else []
        examples = method.examples(seen) if isinstance(method, Rehearsing) else data
        with torch.random.fork_rng():
            torch.manual_seed((seed * 1_000_003 + task) % 2**63)
            start, seconds = run.train(task, data, examples, seed=seed)
        yield Learned(task + 1, run.measured(range(task + 1)), start, seconds)


@dataclass
class _Run:
    """The parts of a course, which do not change."""

    method: Method
    tasks: Tasks
    objective: Objective
    course: Course
    optimizer: MakeOptimizer
    sampler: Sampler

    def train(
        self, task: int, data: Data, examples: Data, *, seed: int
    ) -> tuple[dict[str, float], float]:
        """Learn one task: the scores it began with, and seconds."""
        start: dict[str, float] = {}
        seconds, done = -time.process_time(), 0.0
        for number, phase in enumerate(self.method.learn(task, data)):
            if not number:
                seconds += time.process_time()
                start = {name: own[task + 1] for name, own in self.measured([task]).items()}
                seconds -= time.process_time()
            first, done = round(done * self.course.steps), done + phase.share
            steps = range(first, round(done * self.course.steps))
            self._phase(task, phase, examples, steps, seed)
        return start, seconds + time.process_time()

    def _phase(self, task: int, phase: Phase, data: Data, steps: range, seed: int) -> None:
        """Train what a phase trains."""
        method, device = self.method, self.method.generator.device
        optimizer = _optimizer_of(self.optimizer, phase)
        batches = data.batches(
            batch_size=min(self.course.batch_size, num_examples(data.train)),
            seed=seed * 1009 + task,
            device=device,
        )
        rng = torch.Generator().manual_seed((seed * 1_000_003 + task * 7919 + steps.start) % 2**63)
        with ExitStack() as held:
            generator = held.enter_context(method.using(task))
            held.enter_context(training_only(optimizer, phase.entries))
            held.enter_context(_alone(generator, phase))
            generator.train()
            storage, total = Replicated(generator, ProcessGroup()), torch.zeros((), device=device)
            for batch in islice(batches.starting_at(steps.start), len(steps)):
                architectures = self.sampler(generator.space, rng)
                optimizer.zero_grad(set_to_none=True)
                subnets = [generator.subnet(a) for a in architectures]
                part = Part(subnets, batch, rows_of(self.sampler, architectures))
                total += add_gradients(
                    storage, [part], self.objective, combine="mean", precision="float32", rng=rng
                )[0]
                if isinstance(method, Watching):
                    method.before_step()
                if isinstance(method, Regularized):
                    term = method.penalty(task, architectures)
                    if term is not None:
                        term.backward()
                optimizer.step()
                if isinstance(method, Watching):
                    method.after_step()
        if not bool(total.isfinite()):
            raise Diverged(
                f"training diverged while task {task + 1} was learned (loss {float(total) / len(steps):.3g}): lower "
                f"optimizer.lr, in a stream of its own; what was learned before this task is kept."
            )

    def measured(self, numbers: Iterable[int]) -> dict[str, dict[int, float]]:
        """The scores of some tasks, by subnet and task from 1."""
        space, measure = self.method.generator.space, self.course.measure
        named = {_label(subnet): space.named(subnet) for subnet in self.course.subnets}
        found: dict[str, dict[int, float]] = {name: {} for name in named}
        for number in numbers:
            data = self.tasks.task(number)
            with self.method.using(number) as generator, torch.no_grad():
                generator.eval()
                for name, architecture in named.items():
                    call = partial(generator.call, architecture, weights=generator(architecture))
                    examples = data.in_order(self.course.split, device=generator.device)
                    scores = assess(call, examples, self.objective)
                    if measure not in scores:
                        raise ValueError(
                            f"the objective measures {list(scores)}, got measure={measure!r}."
                        )
                    found[name][number + 1] = scores[measure]
        return found


def _label(subnet: Any) -> str:
    return subnet if isinstance(subnet, str) else str(dict(subnet))


def _optimizer_of(make: MakeOptimizer, phase: Phase) -> torch.optim.Optimizer:
    """An optimizer of a phase's groups, their learning rates scaled."""
    made = make(optimizer_groups(phase.groups))
    for group, own in zip(made.param_groups, phase.groups, strict=True):
        group["lr"] *= own.lr_scale
    return made


def _check(generator: Generator, objective: Objective, sampler: Sampler) -> None:
    """Refuse parts that want more of a training than a course tells them.

    Raises:
        ValueError: naming all of them.
    """
    told = (Contest, Examples, Observer, Weighted)
    wrong = [
        f"{type(one).__name__}, which is to be told what happened in steps, or has a say in them"
        for one in (sampler, objective)
        if isinstance(one, told)
    ]
    if has_late_parameters(generator):
        wrong.append(
            f"{type(generator).__name__}, whose parameters come to life while it is trained"
        )
    if wrong:
        raise ValueError(
            "a stream of tasks cannot be learned with:\n  " + "\n  ".join(wrong) + "\n"
            "Take a sampler that only draws (fixed, uniform, sandwich, nested), an objective of outputs and "
            "a generator that has its parameters from the start (shared)."
        )


@contextmanager
def _alone(generator: nn.Module, phase: Phase) -> Iterator[None]:
    """Within, only what a phase trains requires a gradient."""
    trained = {id(p) for group in phase.groups for p in group.parameters}
    others = [p for p in generator.parameters() if p.requires_grad and id(p) not in trained]
    for parameter in others:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in others:
            parameter.requires_grad_(True)
