"""The loop of training."""

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.conditions import drawn
from hypernas.events import Begun, Ended, Event, Skipped, Stepped
from hypernas.sampling import Contest, rows_of, step_rng, weights_of
from hypernas.space.architecture import Architecture
from hypernas.subnet.rows import ALL, Rows
from hypernas.training.blame import blaming
from hypernas.training.gradients import add_gradients
from hypernas.training.inspection import Inspection, inspected
from hypernas.training.interruption import Interrupted, Interruption
from hypernas.training.look import Look
from hypernas.training.part import Part
from hypernas.training.run import TrainingRun
from hypernas.training.watch import Attempt

Batch = tuple[Any, Any]  # inputs and targets, which only the objective and the target look into
Read = tuple[Batch, Inspection | None]


@checked
def train_steps(run: TrainingRun) -> Iterator[Event]:
    """Train, and yield each event once everybody has been told of it.

    A loop of your own may do what it likes between events; to end early it calls `run.stop` (one
    that is left with `break` leaves a divided bank divided).

    Raises:
        Diverged: if the loss is no longer finite; checkpoints from before are kept, and where steps are looked
            at (see `Watch`) that step.
        Interrupted: after Ctrl-C, SIGTERM or SIGUSR1, at the end of the step, with a checkpoint saved.
        RankLost: if another rank ended, or did not answer in time.
    """
    if run.step >= run.steps:
        run.storage.unshard()
        return
    finished = False
    try:
        run.tell(Begun(run.step, run.steps))
        yield from run.told()
        with Interruption() as interruption:
            yield from _steps(run, interruption)
            interrupted = run.step < run.steps and run.ranks.any(interruption.requested)
        run.storage.unshard()
        if interrupted:
            raise Interrupted(
                f"stopped after step {run.step} of {run.steps}",
                number=interruption.number or signal.SIGTERM,  # another rank was asked
            )
        finished = True
    finally:
        with (
            Interruption()
        ):  # a launcher that ends all ranks cuts off no file, nor why this one ends
            run.tell(Ended(run.step, run.steps, run.figures, finished))
    yield from run.told()


def _steps(run: TrainingRun, interruption: Interruption) -> Iterator[Event]:
    start = run.step * run.training.accumulate
    stream = inspected(run.batches, run.strategy.sampler, start)
    stopping = run.ranks.any(run.stopping is not None)  # by who was told that it begins
    while run.step < run.steps and not stopping:
        with blaming(run.step + 1), run.batches.crew.telling():
            architectures, losses = _take_step(run, stream)
        # asked once: what follows takes time
        stopping = run.ranks.any(interruption.requested or run.stopping is not None)
        last = run.step == run.steps or stopping
        figures = None
        ends = run.step == run.steps or run.stopping is not None
        # not where a run is interrupted: the next report, after it was resumed, is of all its steps
        if run.losses and (run.step % run.training.log_every == 0 or ends):
            figures = run.values()
            run.losses = []
        steps = run.step, run.steps
        run.tell(Stepped(*steps, architectures, losses, figures, last, run.norm))
        yield from run.told()


def _take_step(
    run: TrainingRun, stream: Iterator[Read]
) -> tuple[list[Architecture], Tensor]:  # N, and their losses, shape (N,)
    training, strategy, step = run.training, run.strategy, run.step + 1
    run.groups.set_lr(strategy.schedule(step, run.steps))
    rng = step_rng(strategy.seed, step)
    batches = list(islice(stream, training.accumulate))
    architectures = _decided(run, batches[0][0], rng)
    run.ranks.reseed(strategy.seed, step)
    before = run.watch.before(run, rng)
    with run.groups.noting():
        loss, losses, tell = gradients_of(run, architectures, batches, rng)
    attempt = Attempt(step, architectures, [batch for batch, _ in batches], loss, losses, before)
    num = run.watch.skipped
    norm = run.groups.step(
        training.max_grad_norm, run.storage.norm, partial(run.watch.passes, run, attempt)
    )
    run.step = step
    if run.watch.skipped > num:
        run.tell(Skipped(step, run.steps, architectures, losses.tolist(), run.watch.skipped))
    else:
        tell()
        run.norm = norm
        run.losses.append(loss)
    return architectures, losses


def gradients_of(
    run: TrainingRun,
    architectures: Sequence[Architecture],  # N of them
    batches: Sequence[Read],
    rng: torch.Generator,
) -> tuple[Tensor, Tensor, Callable[[], None]]:
    """Add up the gradients of a step: mean loss, shape (), that of each, (N,), and what tells inspections."""
    parts = [_part(run, architectures, *batch, rng) for batch in batches]
    inspections = [part.inspection for part in parts if part.inspection is not None]
    loss, losses, *norms = add_gradients(
        run.storage,
        parts,
        run.objective,
        combine=run.training.combine,
        precision=run.training.precision,
        weights=weights_of(run.strategy.sampler, architectures),
        rng=rng,
    ).split([1, len(architectures), *map(len, inspections)])

    def tell() -> None:
        for inspection, own in zip(inspections, norms, strict=True):
            inspection.tell(own)

    return loss[0], losses, tell


def _decided(run: TrainingRun, batch: Batch, rng: torch.Generator) -> list[Architecture]:
    """The architectures of a step, after a look at candidates where the sampler wants one."""
    sampler, space = run.strategy.sampler, run.generator.space
    if not isinstance(sampler, Contest):
        return sampler(space, rng)
    look = Look(
        run.storage, lambda some: _candidates(run, some, batch), run.objective, seed=run.step
    )
    return sampler.decide(space, rng, look)


def _part(
    run: TrainingRun,
    architectures: Sequence[Architecture],
    batch: Batch,
    inspection: Inspection | None,
    rng: torch.Generator,
) -> Part:
    """The architectures on a batch, under its condition where the task has one."""
    rows = rows_of(run.strategy.sampler, architectures)
    found = _candidates(run, architectures, batch, rng, rows)
    return replace(found, rows=rows, inspection=inspection)


def _candidates(
    run: TrainingRun,
    architectures: Sequence[Architecture],
    batch: Batch,
    rng: torch.Generator | None = None,
    rows: Sequence[Rows] | None = None,
) -> Part:
    """Architectures, each under the condition of the rows that it reads, which a random source may draw."""
    if run.condition is None:
        return Part([run.generator.subnet(a) for a in architectures], batch)
    inputs, targets = batch
    own = rows or [ALL] * len(architectures)
    num = Part([], batch, rows).num_rows if rows else None
    read = {place: place.of(inputs, num) for place in dict.fromkeys(own)}
    conditions = {
        place: run.condition(x) if rng is None else drawn(run.condition, x, rng)
        for place, x in read.items()
    }
    subnets = [
        run.generator.subnet(a, conditions[place])
        for a, place in zip(architectures, own, strict=True)
    ]
    return Part(subnets, (run.condition.rest(inputs), targets))
