"""The folder of a run: its settings, and its parts put together again from them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from hypernas.cli.phases import latest
from hypernas.data import Data
from hypernas.generators import Generator
from hypernas.objectives import Objective
from hypernas.space import SearchSpace
from hypernas.storage.files import write_whole
from hypernas.training import Begun, Callback, Event, TrainingRun, checkpoint

CHECKPOINTS = "checkpoints"
OF_A_MACHINE = ("data.root", "device", "rank_timeout", "resume", "threads")  # not of a run
_SETTINGS, _OVERRIDES = "settings.yaml", "overrides.json"


@dataclass(frozen=True)
class Parts:
    """What a configuration stands for, but for what only training needs.

    Attributes:
        space: of the generator, which may be a part of that of the configuration.
    """

    data: Data
    space: SearchSpace
    generator: Generator
    objective: Objective


def assemble(config: DictConfig, *, data: Data | None = None) -> Parts:
    """Build the parts of a configuration; its data too, unless they are given.

    A `space` that is a function is given the data's `input_shape` and `num_classes`; one that is
    a `SearchSpace` is taken as it is. The generator is given `space`.
    """
    data = instantiate(config.data) if data is None else data
    generator = instantiate(config.generator)(space=space_of(config, data))
    return Parts(data, generator.space, generator, instantiate(config.objective))


def space_of(config: DictConfig, data: Data) -> SearchSpace:
    """The search space of a configuration."""
    space = instantiate(config.space)
    if isinstance(space, SearchSpace):
        return space
    return space(input_shape=data.input_shape, num_classes=data.num_classes)


def reopen(folder: str) -> tuple[Parts, checkpoint.State]:
    """The parts of a finished or stopped run, its newest checkpoint loaded, and its state.

    Of a growth, those of its last phase that has begun.

    Raises:
        FileNotFoundError: if the folder is not that of a run.
        CheckpointError: if there is no checkpoint, or it does not fit.
    """
    run = latest(Path(folder))
    parts = assemble(configuration(str(run)))
    newest = checkpoint.newest(run / CHECKPOINTS)
    return parts, checkpoint.load(newest, generator=parts.generator)


def configuration(folder: str) -> DictConfig:
    """The configuration a run was started with."""
    path = Path(folder) / _SETTINGS
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is not the folder of a run: it has no {_SETTINGS}. "
            f"Give the folder that hypernas train, or grow, printed."
        )
    config = OmegaConf.load(path)
    if not isinstance(config, DictConfig):
        raise ValueError(f"{path} does not hold a configuration.")
    return config


def overrides(folder: str) -> list[str]:
    """The overrides a run was started with.

    Raises:
        FileNotFoundError: if the folder is not that of a run.
    """
    configuration(folder)
    return json.loads((Path(folder) / _OVERRIDES).read_text())


def check_resumed(config: DictConfig, folder: str, given: Sequence[str]) -> None:
    """Refuse to go on with a run with settings that it did not have and nobody asked for.

    They come about where defaults have changed since it was started.

    Args:
        given: the overrides of today, the run's own among them.

    Raises:
        ValueError: naming all of them.
    """
    asked = [o.split("=")[0].lstrip("+~") for o in given if o not in overrides(folder)]
    if "experiment" in asked:
        return  # a preset, of anything
    then, now = flat(configuration(folder)), flat(config)
    changed = [
        f"{key}: {then.get(key, 'nothing')} in the run, {now.get(key, 'nothing')} now"
        for key in sorted({*then, *now})
        if then.get(key) != now.get(key)
        and key not in OF_A_MACHINE
        and not any(key == name or key.startswith(f"{name}.") for name in asked)
    ]
    if changed:
        raise ValueError(
            f"{folder} was started with other defaults:\n  " + "\n  ".join(changed) + "\nGive what "
            "it had to go on with that, or what is to change: key=value, or group=name."
        )


class Settings(Callback):
    """Writes a run's settings once nothing stands in its way any more."""

    def __init__(self, folder: Path, config: DictConfig, overrides: Sequence[str]) -> None:
        self.folder, self.config, self.overrides = folder, config, list(overrides)

    def __call__(self, run: TrainingRun, event: Event) -> None:
        if isinstance(event, Begun):
            self.write()

    def write(self) -> None:
        write_whole(self.folder / _SETTINGS, OmegaConf.to_yaml(self.config))
        write_whole(self.folder / _OVERRIDES, json.dumps(self.overrides, indent=1) + "\n")


def callbacks_of(config: DictConfig) -> list[Any]:
    """The callbacks of a configuration; a target that is a function is one, a class makes one."""
    found = []
    for node in config.callbacks.values():
        target = get_object(node._target_)
        found.append(instantiate(node) if isinstance(target, type) else target)
    return found


def flat(config: DictConfig) -> dict[str, bool | int | float | str]:
    """The scalars of a configuration by dotted key; lists as text."""
    found: dict[str, bool | int | float | str] = {}

    def visit(prefix: str, node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                visit(f"{prefix}.{key}" if prefix else str(key), value)
        else:
            found[prefix] = node if isinstance(node, bool | int | float) else str(node)

    visit("", OmegaConf.to_container(config, resolve=True))
    return found
