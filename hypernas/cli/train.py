"""hypernas train."""

from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console as RichConsole

from hypernas.cli.console import next_steps, say, shown
from hypernas.cli.run_folder import (
    CHECKPOINTS,
    OF_A_MACHINE,
    Settings,
    assemble,
    callbacks_of,
    check_resumed,
    flat,
)
from hypernas.distributed import ProcessGroup, join
from hypernas.training import Interrupted, Record, Strategy, Task, check_teacher, checkpoint

_DONE = """
run       {folder}
table     {bin}hypernas evaluate run={quoted}
a subnet  {bin}hypernas export run={quoted} architecture=smallest out=smallest.onnx
curves    {bin}tensorboard --logdir={path}
"""


def train(config: DictConfig) -> None:
    """Train the generator of a configuration in the folder that Hydra made for the run.

    ProcessGroup that torchrun launched train together in the folder of rank 0.
    """
    with join(timeout=config.rank_timeout) as ranks:
        _train(config, ranks)


def _train(config: DictConfig, ranks: ProcessGroup) -> None:
    folder = Path(ranks.broadcast_object(HydraConfig.get().runtime.output_dir))
    checkpoints = folder / CHECKPOINTS
    resume = config.resume is not None
    if checkpoints.exists() and not resume:
        raise FileExistsError(
            f"{folder} already holds a run: go on with it by resume={folder}, or choose another "
            f"folder by hydra.run.dir=FOLDER."
        )
    if resume:
        check_resumed(config, config.resume, HydraConfig.get().overrides.task)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    if not isinstance(config.seed, int) or isinstance(config.seed, bool):
        raise ValueError(f"seed must be a whole number, got {config.seed!r}.")
    parts = assemble(config)
    told = {key: value for key, value in flat(config).items() if key not in OF_A_MACHINE}
    ranks.check_alike(parts.generator, told)
    training = instantiate(config.training)
    sampler = instantiate(config.sampling)
    check_teacher(parts.objective, sampler, parts.space)
    strategy = Strategy(
        sampler=sampler,
        optimizer=instantiate(config.optimizer),
        schedule=instantiate(config.schedule),
        seed=config.seed,
    )
    callbacks = callbacks_of(config)
    console = RichConsole(stderr=True, quiet=not ranks.first)
    say(
        console,
        f"{parts.data.name}, a space of {parts.space.size:,} architectures\n"
        f"{parts.generator.describe()}",
    )
    done = 0
    if resume:
        done = checkpoint.load(checkpoint.newest(checkpoints), generator=parts.generator).step
    if done >= training.steps:
        say(
            console,
            f"nothing to do: {shown(folder)} has taken {done} steps, training.steps is "
            f"{training.steps}.",
        )
        return
    try:
        training.run(
            parts.generator,
            Task(parts.data, parts.objective),
            strategy,
            callbacks=[Settings(folder, config, HydraConfig.get().overrides.task), *callbacks],
            record=Record(folder, flat(config)),
            resume=checkpoints if resume else None,
            device=config.device,
            ranks=ranks,
        )
    except Interrupted as stop:
        advice = next_steps("go on by: hypernas train resume={quoted}", folder)
        raise Interrupted(f"{stop}; {advice}") from None
    if ranks.first:
        print(next_steps(_DONE, folder), end="")
