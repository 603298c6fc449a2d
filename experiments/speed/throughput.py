"""Where the time of `hypernas train` goes on the default task: the target's own passes, and everything else."""

import functools
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from clock import Clock

from hypernas.cli import main as command
from hypernas.data import Batches
from hypernas.generators import Generator
from hypernas.objectives import CrossEntropy
from hypernas.subnet.target import Target
from hypernas.training import TrainingRun
from hypernas.training.callbacks import Checkpoints, Validation
from hypernas.training.optimizer import Groups

STEPS = 400  # a tenth of the default's, with a validation and a checkpoint at the end
TARGET = ("target, forward", "target, backward")


class Stopwatch:
    """Seconds of the processor that parts of a run take, each without the parts inside it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running = ["the rest"]
        self._since = time.process_time()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._switch()
        self._running.append(name)
        try:
            yield
        finally:
            self._switch()
            self._running.pop()

    def inside(self, name: str) -> bool:
        return name in self._running

    def _switch(self) -> None:
        now = time.process_time()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            with self.part(name):
                return function(*arguments, **keywords)

        return call


def throughput(clock: Clock, *, repeats: int = 3) -> None:
    """(i) Shares of a run's time on the processor, and that of all but the target's passes."""
    for name in ("shared", "hypernas"):
        _parts(name, steps=20)  # loads the code that is used
        runs = [_parts(name, steps=STEPS) for _ in range(repeats)]
        totals = [sum(parts.values()) for parts in runs]
        print(f"{name}: {totals} seconds for {STEPS} steps", flush=True)
        for part in dict.fromkeys(part for parts in runs for part in parts):
            shares = [p.get(part, 0.0) / total for p, total in zip(runs, totals, strict=True)]
            clock.add("share_of_training", name, part, shares)
        own = [sum(parts[part] for part in TARGET) for parts in runs]
        outside = [1 - part / total for part, total in zip(own, totals, strict=True)]
        clock.add("share_of_training", name, "all but the target", outside)


def _parts(generator: str, *, steps: int) -> dict[str, float]:
    """Part of a run -> its seconds."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder, _watched(watch):
        arguments = (f"generator={generator}", f"training.steps={steps}", "threads=1", "device=cpu")
        argv = ["hypernas", "train", *arguments, f"hydra.run.dir={folder}/run"]
        with mock.patch.object(sys, "argv", argv), watch.part("setup"):
            command.main()
    return dict(watch.seconds)


@contextmanager
def _watched(watch: Stopwatch) -> Iterator[None]:
    """Within, parts of runs are timed."""
    named = (
        (Generator, "subnet", "resolution"),
        (Generator, "many", "generation, forward"),
        (CrossEntropy, "loss", "target, forward"),
        (Groups, "step", "update"),
        (TrainingRun, "tell", "reports"),
        (Validation, "__call__", "validation"),
        (Checkpoints, "__call__", "checkpoints"),
    )
    with mock.patch.multiple(Target, run=_run(watch, Target.run)):
        patches = [
            mock.patch.object(owner, name, watch.timed(part, getattr(owner, name)))
            for owner, name, part in named
        ]
        patches.append(mock.patch.object(Batches, "starting_at", _batches(watch)))
        patches.append(mock.patch("hypernas.training.loop.add_gradients", _steps(watch)))
        backward = watch.timed("target, backward", torch.Tensor.backward)
        patches.append(mock.patch.object(torch.Tensor, "backward", backward))
        patches.append(mock.patch("torch.autograd.backward", _backward(watch)))
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()


def _run(watch: Stopwatch, run: Callable[..., Any]) -> Callable[..., Any]:
    """Only the module's own pass is the target's; the rest puts weights into it."""

    def call(target: Target, *arguments: Any, **keywords: Any) -> Any:
        module = target.module
        module.forward = watch.timed("target, forward", type(module).forward.__get__(module))
        try:
            with watch.part("call"):
                return run(target, *arguments, **keywords)
        finally:
            del module.forward

    return call


def _backward(watch: Stopwatch) -> Callable[..., Any]:
    """The pass through the generator, which is none that a tensor began."""
    plain = torch.autograd.backward

    def call(*arguments: Any, **keywords: Any) -> Any:
        if watch.inside("target, backward"):
            return plain(*arguments, **keywords)
        with watch.part("generation, backward"):
            return plain(*arguments, **keywords)

    return call


def _steps(watch: Stopwatch) -> Callable[..., Any]:
    from hypernas.training.gradients import add_gradients

    return watch.timed("step", add_gradients)


def _batches(watch: Stopwatch) -> Callable[..., Iterator[Any]]:
    plain = Batches.starting_at

    def call(*arguments: Any, **keywords: Any) -> Iterator[Any]:
        stream = plain(*arguments, **keywords)
        while True:
            with watch.part("data"):
                batch = next(stream)
            yield batch

    return call
