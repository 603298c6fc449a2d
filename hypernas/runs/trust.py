"""Trust: what settings that lie in a file may import and call, as they may come from anyone."""

import functools
import inspect
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from hypernas.runs.instantiate import TARGET, named
from hypernas.runs.settings import Settings

Trusted = str | Sequence[str] | None  # dotted names: of modules, or of what is in one

_ROOMS = [  # of the parts of a run; the others write files, start processes and read settings
    f"hypernas.{room}"
    for room in (
        *(
            "conditions",
            "continual",
            "cost",
            "data",
            "generators",
            "growth",
            "latency",
            "masks",
            "objectives",
        ),
        *("predictors", "sampling", "schedules", "search", "spaces", "training"),
        "evaluation.translation_quality",  # an objective that decodes
        "certification.objective",  # an objective that attacks
    )
]
_ROLES = {  # what a part is, or the function that makes it returns, by where that is defined
    "hypernas.conditions.condition.Condition",
    "hypernas.continual.method.Method",
    "hypernas.continual.tasks.Tasks",
    "hypernas.cost.cost.Cost",
    "hypernas.data.data.Data",
    "hypernas.generators.banks.bank.Bank",
    "hypernas.generators.coefficients.source.CoefficientSource",
    "hypernas.generators.generator.Generator",
    "hypernas.generators.hypernetworks.body.Body",
    "hypernas.generators.selection.slicer.Slicer",
    "hypernas.growth.growth.Growth",
    "hypernas.latency.backend.Backend",
    "hypernas.latency.turns.Rounds",
    "hypernas.objectives.objective.Objective",
    "hypernas.predictors.predictor.Predictor",
    "hypernas.sampling.sampler.Sampler",
    "hypernas.schedules.schedule.Schedule",
    "hypernas.search.relaxation.Relaxation",
    "hypernas.search.search.Search",
    "hypernas.space.search_space.SearchSpace",
    "hypernas.training.callback.Callback",
    "hypernas.training.training.Training",
}
_OF_TORCH = {  # torch also has functions that unpickle, compile and download: none of these is one
    "torch.nn.modules.": "torch.nn.modules.module.Module",
    "torch.optim.": "torch.optim.optimizer.Optimizer",
}


class Untrusted(ValueError):
    """Settings of a file that name code which nobody said may be run."""


def check_trusted(
    settings: Settings, trust: Trusted = None, *, source: object, given: Collection[str] = ()
) -> None:
    """Refuse settings that name what is neither a part of hypernas or torch nor trusted.

    A name is judged by what it leads to and where that is defined: `hypernas.data.torch.load` is
    torch's, and no part. Only what is trusted, and of hypernas and torch, is imported for this.

    Args:
        settings: nested plain values; all in them that has a `_target_` is judged.
        trust: modules, and all in them, that may be imported.
        source: where the settings come from, for the message.
        given: names that the caller gave himself, and that are not judged.

    Raises:
        Untrusted: naming all that would be imported, and how to allow it.
        ValueError: if something in `trust` is no dotted name.
    """
    names = trusted_names(trust)
    wrong: list[str] = []
    lacking: list[str] = []
    for key, name in targets(settings):
        if name in given or (found := _beyond(name, names)) is None:
            continue
        told, module = found
        wrong.append(f"{key}: {name}{told}")
        lacking.append(module)
    if not wrong:
        return
    asked = list(dict.fromkeys([*names, *lacking]))
    raise Untrusted(
        f"{source} would import and call what is no part of hypernas, no layer and no optimizer of torch, "
        "and not trusted:\n  "
        + "\n  ".join(wrong)
        + "\nSettings of a run may come from anyone. Read that code; if it may run, give "
        f"{argument(asked)} to the command; in Python hypernas.load(FOLDER, trust={asked!r})."
    )


def trusted_names(trust: Trusted) -> list[str]:
    """The dotted names that are trusted.

    Raises:
        ValueError: if one is no dotted name.
    """
    names = [trust] if isinstance(trust, str) else list(trust or ())
    for name in names:
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(
                f"trust: expected names of modules, such as my_module or [my_module, other.module], "
                f"got {name!r}."
            )
    return names


def argument(names: Sequence[str]) -> str:
    """The argument of a command that trusts some modules, as it is typed; empty for none."""
    if not names:
        return ""
    return f"trust={names[0]}" if len(names) == 1 else f"'trust=[{','.join(names)}]'"


def needed(settings: Settings) -> list[str]:
    """The modules that have to be trusted where these settings are read from a file."""
    found: list[str] = []
    for _ in range(2):  # what a module has from another one is seen once the first is trusted
        beyond = [_beyond(name, found) for _, name in targets(settings)]
        found += dict.fromkeys(module for one in beyond if one for module in one[1:])
    return found


def targets(settings: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All names that settings would call, with the dotted key at which each stands."""
    if isinstance(settings, list | tuple):
        for i, item in enumerate(settings):
            yield from targets(item, f"{key}[{i}]")
    elif isinstance(settings, Mapping):
        for name, value in settings.items():
            inner = f"{key}.{name}" if key else str(name)
            if name == TARGET and value != "???":
                yield inner, str(value)
            else:
                yield from targets(value, inner)


def _beyond(name: str, trust: Sequence[str]) -> tuple[str, str] | None:
    """The words on a name that may not be called, and the module to trust; None if it may."""
    if not _within(name, [*trust, *_ROOMS, "torch.nn", "torch.optim"]):  # nor is it imported
        head = name.partition(".")[0]
        return "", name if head in ("hypernas", "torch") else head
    try:
        found = named(name)
    except (ImportError, ValueError):
        return None  # there is nothing to call; who tries is told why
    while isinstance(found, functools.partial):
        found = found.func
    module = str(getattr(found, "__module__", None) or type(found).__module__)
    if _is_part(found, module) or _within(module, trust):
        return None
    place = f"{module}.{getattr(found, '__qualname__', type(found).__qualname__)}"
    known = module.startswith(("hypernas.", "torch."))
    return ("" if place == name else f", which is {place}"), place if known else module


def _within(name: str, modules: Sequence[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _is_part(found: Any, module: str) -> bool:
    """True for the classes and functions of which runs are made: they build, and run nothing else."""
    if inspect.isclass(found):
        kinds = _kinds(found)
        of_torch = any(module.startswith(p) and kind in kinds for p, kind in _OF_TORCH.items())
        return of_torch or (_within(module, _ROOMS) and bool(kinds & _ROLES))
    if not inspect.isfunction(found) or not _within(module, _ROOMS) or "." in found.__qualname__:
        return False
    return inspect.isclass(made := _returned(found)) and bool(_kinds(made) & _ROLES)


def _kinds(found: type) -> set[str]:
    return {f"{kind.__module__}.{kind.__qualname__}" for kind in found.__mro__}


def _returned(function: Callable[..., Any]) -> object:
    """The annotation of what a function returns; None if it cannot be told."""
    try:
        return typing.get_type_hints(function).get("return")
    except (NameError, TypeError):
        return None
