"""Measures of a run's subnets, by name."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from hypernas.cost import Cost, Flops, Memory, Parameters
from hypernas.runs.assembly import part
from hypernas.runs.load import Run
from hypernas.runs.settings import Settings
from hypernas.search import Measure
from hypernas.search.aim import Aim

_OWN = "own"  # the setting of a cost that has a name of its own


class Measures(Mapping[str, Measure]):
    """Qualities, and the costs of settings, each made when it is first asked for, by name.

    Args:
        settings: name -> a cost's settings, or None; under `own` a cost with another name.
    """

    def __init__(self, qualities: Mapping[str, Measure], settings: Settings, run: Run) -> None:
        self._qualities = qualities
        self._settings = {f"costs.{n}": node for n, node in settings.items() if node is not None}
        self._run, self._example = run, _example(run)
        self._made: dict[str, Cost] = {}
        self._keys = {name: name for name in settings if f"costs.{name}" in self._settings}
        if _OWN in self._keys:
            self._keys[self._make(_OWN).name] = self._keys.pop(_OWN)

    def __getitem__(self, name: str) -> Measure:
        return self._make(self._keys[name]) if name in self._keys else self._qualities[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._qualities, **self._keys})

    def __len__(self) -> int:
        return len({**self._qualities, **self._keys})

    def named(self, aim: Aim) -> Aim:
        """The aim, in which `own` stands for the name of that cost."""
        names = {key: name for name, key in self._keys.items()}

        def own(text: str) -> str:  # behind a word such as `min:`, if there is one
            word, colon, key = text.rpartition(":")
            return f"{word}{colon}{names.get(key, key)}"

        return replace(
            aim,
            objectives=[own(text) for text in aim.objectives],
            constraints={own(text): bound for text, bound in aim.constraints.items()},
        )

    def settings_of(self, names: Iterable[str]) -> dict[str, Any]:
        """The settings of the costs among some names."""
        keys = [self._keys[name] for name in names if name in self._keys]
        return {key: self._settings[f"costs.{key}"] for key in keys}

    def _make(self, key: str) -> Cost:
        if key not in self._made:
            make = part(self._settings, f"costs.{key}")
            self._made[key] = make(space=self._run.space, example=self._example)
        return self._made[key]


def counts(run: Run) -> list[Cost]:
    """The costs that are counted on modules without weights."""
    example = _example(run)
    return [kind(run.space, example) for kind in (Parameters, Flops, Memory)]


def _example(run: Run) -> Any:
    """The inputs of one example, as subnets take them."""
    example = run.data.example(num=1)
    return example if run.condition is None else run.condition.rest(example)
