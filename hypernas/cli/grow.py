"""hypernas grow."""

import warnings
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console as RichConsole

from hypernas.cli import phases
from hypernas.cli.console import next_steps, say
from hypernas.cli.growth_settings import check, check_begun, phase_settings
from hypernas.cli.phases import Phase
from hypernas.cli.run_folder import (
    CHECKPOINTS,
    Settings,
    assemble,
    callbacks_of,
    flat,
    space_of,
)
from hypernas.data import Data
from hypernas.distributed.device import pick_device
from hypernas.generators import Generator
from hypernas.growth import Growth, recalibrate
from hypernas.objectives import assess
from hypernas.sampling import Fixed
from hypernas.studies import step_flops
from hypernas.training import (
    Interrupted,
    Record,
    Strategy,
    Task,
    Training,
    check_teacher,
    checkpoint,
    memory_of,
)
from hypernas.training.optimizer import Groups, Memory

_DONE = """
growth    {folder}
table     {bin}hypernas evaluate run={quoted}
export    {bin}hypernas export run={quoted} architecture=largest out=grown.onnx
"""


def grow(config: DictConfig) -> None:
    """Train members, grow, and train on, in the folder that Hydra made; or go on with that."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    if phases.read(folder) and config.resume is None:
        raise FileExistsError(
            f"{folder} already holds a growth: go on with it by resume={folder}, or choose another "
            f"folder by hydra.run.dir=FOLDER."
        )
    if config.resume is not None and not phases.holds_growth(folder):
        raise FileNotFoundError(
            f"{config.resume} is not the folder of a growth: it has no phases. Give the folder that "
            f"hypernas grow printed, the one around member_0 and grown."
        )
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    growing = _Growing(config, folder, RichConsole(stderr=True))
    Settings(folder, config, HydraConfig.get().overrides.task).write()
    phases.write(folder, phases.read(folder))
    try:
        growing.run()
    except KeyboardInterrupt as stop:  # between phases too
        advice = next_steps("go on by: hypernas grow resume={quoted}", folder)
        raise Interrupted(f"{str(stop) or 'stopped'}; {advice}") from None
    print(next_steps(_DONE, folder), end="")


class _Growing:
    """The phases of a configuration, one after the other.

    Raises:
        ValueError: if some part of the configuration does not fit; nothing is written then.
    """

    def __init__(self, config: DictConfig, folder: Path, console: RichConsole) -> None:
        self.config, self.folder, self.console = config, folder, console
        self.plain: Any = OmegaConf.to_container(config, resolve=True)
        check(self.plain)
        self.data: Data = instantiate(config.data)
        self.space = space_of(config, self.data)
        check_teacher(instantiate(config.objective), Fixed(), self.space)
        self.method: Growth = instantiate(config.growth)
        self.device = pick_device(config.device)
        self.members = list(self.plain["members"])[: self.method.max_members]
        self.names = [*(f"member_{m}" for m in range(len(self.members))), "grown"]
        self.settings = phase_settings(self.plain, self.members)
        self.parts = [assemble(settings, data=self.data) for settings in self.settings]
        self.trainings: list[Training] = [instantiate(s.training) for s in self.settings]
        for parts in self.parts:
            parts.generator.to(self.device)
        check_begun(folder, dict(zip(self.names, self.settings, strict=True)))

    def run(self) -> None:
        """Go through the phases; those that are over take no time."""
        told = {phase.name: phase for phase in phases.read(self.folder)}
        spent = 0.0
        for i, name in enumerate(self.names):
            parts, steps = self.parts[i], self.trainings[i].steps
            a_step = self._step_flops(i)
            say(
                self.console,
                f"{name}: {steps} steps of {a_step:.3g} FLOPs\n{parts.generator.describe()}",
            )
            memory = self._memory() if name == "grown" and self.config.keep_memory else None
            spent += a_step * steps
            before = told[name].before if name in told else self._begin(i)
            Settings(self.folder / name, self.settings[i], []).write()
            told[name] = Phase(name, steps, a_step, spent, before)
            phases.write(self.folder, list(told.values()))
            told[name].after = self._train(i, memory)
            phases.write(self.folder, list(told.values()))
        say(self.console, "\n".join(_told(phase) for phase in told.values()))

    def _begin(self, i: int) -> dict[str, float]:
        """Save a phase before its first step; what its network measures then."""
        name, place, parts = self.names[i], self.folder / self.names[i], self.parts[i]
        if name == "grown" and self.members:
            self.parts[i] = parts = replace(parts, generator=self._grow())
        network = parts.generator.export(parts.space.largest())
        batches = self.data.in_order("validation", device=self.device)
        measures = assess(network, batches, parts.objective)
        checkpoint.save(
            place / CHECKPOINTS,
            step=0,
            generator=parts.generator,
            optimizer=Groups(parts.generator, instantiate(self.settings[i].optimizer)).optimizer,
            figures=measures,
        )
        return measures

    def _grow(self) -> Generator:
        """The grown network, its norms calibrated; what there is to warn of is told."""
        members = [parts.generator for parts in self.parts[:-1]]
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            grown = self.method.grow(
                members, self.space, to=self.plain["to"], seed=self.plain["seed"]
            )
        for warning in told:
            say(self.console, f"warning: {warning.message}")
        size = min(128, len(self.data.train))  # type: ignore[arg-type]
        batches = self.data.batches(batch_size=size, device=self.device).starting_at(0)
        recalibrate(grown, (x for x, _ in islice(batches, self.config.calibration_batches)))
        return grown

    def _memory(self) -> Memory:
        """What optimizers kept of the members, by names of the grown generator."""
        return self.method.inherit(
            [
                memory_of(
                    self.folder / name / CHECKPOINTS,
                    self.parts[m].generator,
                    instantiate(self.settings[m].optimizer),
                )
                for m, name in enumerate(self.names[:-1])
            ]
        )

    def _train(self, i: int, memory: Memory | None) -> dict[str, float]:
        place, parts, settings = self.folder / self.names[i], self.parts[i], self.settings[i]
        strategy = Strategy(
            sampler=Fixed(),
            optimizer=instantiate(settings.optimizer),
            schedule=instantiate(settings.schedule),
            seed=settings.seed,
            memory=memory,
        )
        return self.trainings[i].run(
            parts.generator,
            Task(self.data, parts.objective),
            strategy,
            callbacks=callbacks_of(settings),
            record=Record(place, flat(settings)),
            resume=place / CHECKPOINTS,
            device=self.device,
        )

    def _step_flops(self, i: int) -> float:
        return step_flops(
            self.parts[i].generator,
            self.data,
            sampler=Fixed(),
            objective=self.parts[i].objective,
            batch_size=self.trainings[i].batch_size * self.trainings[i].accumulate,
            num=1,
        )


def _told(phase: Phase) -> str:
    measures = ", ".join(
        f"{name} {phase.before[name]:.4f} -> {value:.4f}" for name, value in phase.after.items()
    )
    return f"{phase.name}: {measures} after {phase.train_flops:.3g} FLOPs in all"
