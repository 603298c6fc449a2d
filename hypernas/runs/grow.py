"""Growth by settings: members are trained, a large network grows of them, and is trained on."""

import contextlib
import os
import warnings
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypernas.border import checked
from hypernas.distributed import ProcessGroup
from hypernas.distributed.device import pick_device, use_threads
from hypernas.evaluation.budget import step_flops
from hypernas.generators import Generator
from hypernas.growth import Growth, Stages, num_stages, recalibrate
from hypernas.objectives import assess
from hypernas.runs import phases
from hypernas.runs.assembly import (
    Parts,
    assemble,
    callbacks_of,
    part,
    space_of,
    strategy_of,
    training_of,
    without_start,
)
from hypernas.runs.console import next_steps
from hypernas.runs.folder import checkpoints_of, read_settings, write_settings
from hypernas.runs.growth_settings import check, check_begun, phase_settings
from hypernas.runs.load import Run, restored
from hypernas.runs.phases import Phase
from hypernas.runs.preparation import check_preparation, write_preparation
from hypernas.runs.settings import Settings, flat, resolved
from hypernas.runs.train import Tell, chosen, silent
from hypernas.runs.workers import Alone, Processes, Ranks, TrainOne, Workers, serve
from hypernas.sampling import Fixed
from hypernas.storage.lock import held
from hypernas.training import Record, check_teacher, checkpoint, memory_of
from hypernas.training.optimizer import Groups, Memory


@checked
def grow(
    settings: Settings,
    folder: str | os.PathLike[str],
    *,
    resume: bool = False,
    fallback: bool = False,
    overrides: tuple[str, ...] = (),
    ranks: ProcessGroup | None = None,
    tell: Tell = silent,
) -> Run:
    """Train members, grow a network of them, and train it on, in a folder; or go on with that.

    Args:
        settings: nested plain values, with the keys that `hypernas grow --cfg job` prints.
        folder: of the growth, with a run for each phase.
        resume: go on where it stopped, in whichever phase.
        fallback: where the newest checkpoint of a phase is torn or altered, go on from the newest that is
            whole.
        overrides: of a command line, to be kept.
        ranks: the processes that grow together, in one folder: they divide members, or the modules under
            `Incubate`, and train what there is one of together. None is this one.
        tell: is given what there is to say of each phase.

    Returns:
        The grown network's run.

    Raises:
        FileExistsError: if the folder holds a growth, and that is not to be gone on with; or if another
            process works there.
        FileNotFoundError: if it holds none to go on with.
        ValueError: if settings are wrong, or are not those of phases that have begun.
        RankLost: if another rank could not go on.
        Interrupted, Diverged: as training.
    """
    settings, folder, ranks = resolved(settings), Path(folder), ranks or ProcessGroup()
    if ranks.size > 1 and (workers := settings.get("workers", 1)) != 1:
        raise ValueError(
            f"ranks train side by side already: give workers=1, got {workers}, or start without torchrun."
        )
    if not ranks.first:
        serve(ranks)
        last = folder / phases.read(folder)[-1].name
        return restored(last, read_settings(last))
    workers = _workers(settings, ranks, partial(_train_one, settings, folder, fallback))
    leading = workers.leading() if isinstance(workers, Ranks) else contextlib.nullcontext()
    with leading, held(folder):
        _check_folder(folder, resume)
        use_threads(settings.get("threads"))
        growing = _Growing(settings, folder, fallback, tell)
        write_settings(folder, settings, overrides)
        phases.write(folder, phases.read(folder))
        growing.run(workers)
        return restored(folder / growing.names[-1], growing.settings[-1])


def _workers(settings: Settings, ranks: ProcessGroup, one: TrainOne) -> Workers:
    num = settings.get("workers", 1)
    if ranks.size > 1:
        return Ranks(ranks, one)
    return Alone() if num == 1 else Processes(num, one)


def _check_folder(folder: Path, resume: bool) -> None:
    """Refuse to begin where a growth is, and to go on where none is."""
    if phases.read(folder) and not resume:
        raise FileExistsError(
            next_steps(
                "{folder} already holds a growth: go on with it by resume={quoted}, or choose "
                "another folder by hydra.run.dir=FOLDER.",
                folder,
            )
        )
    if resume and not phases.holds_growth(folder):
        raise FileNotFoundError(
            f"{folder} is not the folder of a growth: it has no phases. Give the folder that "
            f"hypernas grow printed, the one around member_0 and grown."
        )


class _Growing:
    """The phases of settings, one after the other.

    Raises:
        ValueError: if some part of the settings does not fit; nothing is written then.
    """

    def __init__(self, settings: Settings, folder: Path, fallback: bool, tell: Tell) -> None:
        self.whole, self.folder, self.fallback, self.tell = settings, folder, fallback, tell
        check(settings)
        self.data = part(settings, "data")
        for phase in phases.read(folder):
            check_preparation(folder / phase.name, self.data)
        self.space = space_of(settings, self.data)
        check_teacher(part(settings, "objective"), Fixed(), self.space)
        self.method: Growth = part(settings, "growth")
        self.device = pick_device(settings.get("device", "auto"))
        members = list(settings["members"])[: self.method.max_members]
        self.num_members = len(members)
        self.num_stages = num_stages(
            self.space, growth=self.method, members=members, to=settings["to"]
        )
        numbered = {"member": self.num_members, "stage": self.num_stages}
        self.names = [f"{kind}_{i}" for kind, num in numbered.items() for i in range(num)]
        self.names.append("grown")
        self.settings = phase_settings(settings, members, self.num_stages)
        self.parts = [
            assemble(self._unless_begun(name, own), data=self.data)
            for name, own in zip(self.names, self.settings, strict=True)
        ]
        self.trainings = [training_of(own) for own in self.settings]
        for parts in self.parts:
            parts.generator.to(self.device)
        check_begun(folder, dict(zip(self.names, self.settings, strict=True)))

    def _unless_begun(self, name: str, settings: Settings) -> Settings:
        """Settings of a phase, whose start is read only where it has not begun."""
        return without_start(settings) if self._begun(name, settings) else settings

    def _begun(self, name: str, settings: Settings) -> bool:
        """True for a phase that is told of, and of which there is a checkpoint."""
        told = name in [phase.name for phase in phases.read(self.folder)]
        return told and bool(checkpoint.saved(checkpoints_of(self.folder / name, settings)))

    def run(self, workers: Workers) -> None:
        """Go through the phases; those that are over take no time."""
        told = {phase.name: phase for phase in phases.read(self.folder)}
        spent = 0.0
        every = list(range(len(self.names)))
        ends = [0, self.num_members, self.num_members + self.num_stages, len(every)]
        for group in workers.groups([every[a:b] for a, b in pairwise(ends)]):
            memory = None
            for i in group:
                name, steps, a_step = self.names[i], self.trainings[i].steps, self._step_flops(i)
                self.tell(
                    f"{name}: {steps} steps of {a_step:.3g} FLOPs\n{self.parts[i].generator.describe()}"
                )
                if name == "grown" and self.whole["keep_memory"]:
                    memory = self._memory()
                spent += a_step * steps
                begun = self._begun(name, self.settings[i])
                before = told[name].before if begun else self._begin(i)
                write_preparation(self.folder / name, self.data)
                write_settings(self.folder / name, self.settings[i])
                told[name] = Phase(name, steps, a_step, spent, before)
                phases.write(self.folder, list(told.values()))
            workers.train(group, memory)
            for i in group:
                told[self.names[i]].after = self.train(i, ProcessGroup(), memory)
                phases.write(self.folder, list(told.values()))
        self.tell("\n".join(map(str, told.values())))

    def _begin(self, i: int) -> dict[str, float]:
        """Save a phase before its first step; returns the measures of its network then."""
        name, place, parts = self.names[i], self.folder / self.names[i], self.parts[i]
        if name == "grown" and self.num_members:
            self.parts[i] = parts = replace(parts, generator=self._grow())
        elif i >= self.num_members and isinstance(self.method, Stages):
            stage = self.method.stage(
                i - self.num_members, self._trained()[0], self.space, **self._target
            )
            self.parts[i] = parts = replace(parts, generator=stage)
        network = parts.generator.export(parts.space.largest())
        batches = self.data.in_order("validation", device=self.device)
        measures = assess(network, batches, parts.objective)
        checkpoint.save(
            checkpoints_of(place, self.settings[i]),
            step=0,
            generator=parts.generator,
            optimizer=Groups(parts.generator, part(self.settings[i], "optimizer")).optimizer,
            figures=measures,
        )
        return measures

    def _grow(self) -> Generator:
        """The grown network, its norms calibrated; what there is to warn of is told."""
        members, stages = self._trained()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            if isinstance(self.method, Stages):
                grown = self.method.assemble(members, stages, self.space, **self._target)
            else:
                grown = self.method.grow(members, self.space, **self._target)
        for warning in told:
            self.tell(f"warning: {warning.message}")
        inputs = self.data.calibration(self.whole["calibration_batches"], device=self.device)
        recalibrate(grown, inputs)
        return grown

    @property
    def _target(self) -> dict[str, Any]:
        return {"to": self.whole["to"], "seed": self.whole["seed"]}

    def _trained(self) -> tuple[list[Generator], list[Generator]]:
        """The generators of members, and of stages."""
        every = [parts.generator for parts in self.parts[:-1]]
        return every[: self.num_members], every[self.num_members :]

    def _memory(self) -> Memory:
        """The memory that optimizers kept of the members, by names of the grown generator."""
        return self.method.inherit(
            [
                memory_of(
                    checkpoints_of(self.folder / name, self.settings[m]),
                    self.parts[m].generator,
                    part(self.settings[m], "optimizer"),
                )
                for m, name in enumerate(self.names[: self.num_members])
            ]
        )

    def train(self, i: int, ranks: ProcessGroup, memory: Memory | None) -> dict[str, float]:
        """Train a phase that has begun up to its end; returns the last figures."""
        place, parts, settings = self.folder / self.names[i], self.parts[i], self.settings[i]
        return self.trainings[i].run(
            parts.generator,
            parts.task,
            replace(strategy_of(settings, parts), memory=memory),
            callbacks=callbacks_of(settings),
            record=Record(place, flat(settings)),
            resume=chosen(checkpoints_of(place, settings), self.fallback, self.tell),
            device=self.device,
            ranks=ranks,
        )

    def _step_flops(self, i: int) -> float:
        parts: Parts = self.parts[i]
        return step_flops(
            parts.generator,
            self.data,
            sampler=Fixed(),
            objective=parts.objective,
            batch_size=self.trainings[i].batch_size * self.trainings[i].accumulate,
            num=1,
        )


def _train_one(
    settings: Settings,
    folder: Path,
    fallback: bool,
    i: int,
    ranks: ProcessGroup,
    memory: Memory | None,
) -> None:
    """Train a phase that has begun, by one of those who train side by side."""
    use_threads(settings.get("threads") or 1)
    _Growing(settings, folder, fallback, silent).train(i, ranks, memory)
