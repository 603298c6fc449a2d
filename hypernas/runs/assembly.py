"""The parts of a run, put together from its settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypernas.certification import ibp
from hypernas.conditions import Condition
from hypernas.data import Data
from hypernas.generators import Generator, start_at
from hypernas.objectives import Objective
from hypernas.runs.instantiate import instantiate, named
from hypernas.runs.settings import Settings
from hypernas.space import SearchSpace
from hypernas.training import Strategy, Task, Training, check_teacher

_IBP = "ibp"  # a start that is no file


@dataclass(frozen=True)
class Parts:
    """The objects of settings, but for what only training needs.

    Attributes:
        space: of the generator, which may be a part of that of the settings.
        condition: what the generator reads of each batch; None for nothing.
    """

    data: Data
    space: SearchSpace
    generator: Generator
    objective: Objective
    condition: Condition | None = None

    @property
    def task(self) -> Task:
        """The data, objective and condition of the generator's training."""
        return Task(self.data, self.objective, self.condition)


def assemble(settings: Settings, *, data: Data | None = None) -> Parts:
    """Build the parts of a run; its data too, unless they are given.

    A `space` that is a function is given the data's `input_shape` and `num_classes`; one that is
    a `SearchSpace` is taken as it is. The generator is given `space`, and begins at the module in the
    file that `start` names, if it does; `ibp` is the start of certified training.
    """
    own: Data = part(settings, "data") if data is None else data
    generator = part(settings, "generator")(space=space_of(settings, own))
    start = settings.get("start")
    start_at(generator, ibp(generator.space, own.example(num=2)) if start == _IBP else start)
    objective, condition = part(settings, "objective"), part(settings, "condition")
    return Parts(own, generator.space, generator, objective, condition)


def without_start(settings: Settings) -> Settings:
    """The same settings, for a generator that a checkpoint is loaded into: the file may be gone."""
    return {**settings, "start": None}


def part(settings: Settings, key: str) -> Any:
    """The object of one key; None where there is none."""
    return instantiate(settings.get(key), key=key)


def space_of(settings: Settings, data: Data) -> SearchSpace:
    """The search space of settings, with their changes one after the other."""
    space = part(settings, "space")
    if not isinstance(space, SearchSpace):
        space = space(input_shape=data.input_shape, num_classes=data.num_classes)
    for name, node in (settings.get("changes") or {}).items():
        if node is not None:
            space = instantiate(node, key=f"changes.{name}")(space)
    return space


def training_of(settings: Settings) -> Training:
    """The length and the manner of the settings' training."""
    return part(settings, "training")


def strategy_of(settings: Settings, parts: Parts) -> Strategy:
    """The architectures that the settings train, and the moves of parameters.

    Raises:
        ValueError: if subnets are to be distilled, and no step has a teacher.
    """
    sampler = part(settings, "sampling")
    check_teacher(parts.objective, sampler, parts.space)
    return Strategy(
        sampler=sampler,
        optimizer=part(settings, "optimizer"),
        schedule=part(settings, "schedule"),
        seed=settings["seed"],
    )


def callbacks_of(settings: Settings) -> list[Callable[..., Any]]:
    """The callbacks of settings; a target that is a function is one, a class makes one.

    A function that settings give more to is called with that too; a name with null is left out.
    """
    found = []
    for name, node in settings["callbacks"].items():
        if node is None:
            continue
        key = f"callbacks.{name}"
        target = named(node.get("_target_", "???"), key=key)
        own = node if isinstance(target, type) else {**node, "_partial_": True}
        found.append(instantiate(own, key=key))
    return found
