"""A search space: finite choices, some active only under others, and a builder of modules."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from torch import nn

from hypernas.space.architecture import Architecture, Value, freeze
from hypernas.space.census import Census
from hypernas.space.choice import Choice, check_conditions, listed
from hypernas.space.enumeration import every
from hypernas.space.random_source import below, unit
from hypernas.space.spelling import meant


class SearchSpace:
    """A set of architectures, and the function that builds an ordinary module for each.

    Args:
        choices: name -> `Choice`, or just its values. A choice may depend only on choices
            that stand before it.
        build: architecture -> `nn.Module`. It reads the architecture as a mapping and may use any
            module there is; nothing has to be subclassed.
        layouts: parameter name pattern -> layout, for parameters a prefix would slice wrongly
            (fused qkv, concatenations): see `hypernas.slicing.Layout`. "auto" for those that are found
            when the first generator is made: see `hypernas.check`.
        inputs: an example of what every module of the space can be called with: a tensor, a tuple of
            several, or a mapping of keywords. Slices are checked on it; None to guess.
        features: architecture -> numbers by name, the same names for each, that generators and predictors read of an
            architecture; None for those of the choices (see `hypernas.space.encoding.Encoding`).

    The functions below are pure: they change nothing, and all randomness comes from `rng`, which
    is a `torch.Generator`, a `random.Random` or a `numpy.random.Generator`.

    Raises:
        ValueError: if there is no choice, or one depends on a choice that is not before it, or on a
            value which that choice does not have.
    """

    def __init__(
        self,
        choices: Mapping[str, Choice | Sequence[Any]],
        build: Callable[[Architecture], nn.Module],
        layouts: Mapping[str, Any] | Literal["auto"] | None = None,
        inputs: Any = None,
        features: Callable[[Architecture], Mapping[str, float]] | None = None,
    ) -> None:
        if not isinstance(choices, Mapping):
            raise TypeError(
                f"choices must map names to values, as {{'width': [4, 8]}}, got {choices!r:.200}."
            )
        self.choices: dict[str, Choice] = {
            str(name): choice if isinstance(choice, Choice) else Choice(listed(choice))
            for name, choice in choices.items()
        }
        self.auto_layouts = layouts == "auto"
        self.layouts: dict[str, Any] = {} if isinstance(layouts, str) else dict(layouts or {})
        self.inputs = inputs
        self.features = features
        self._build = build
        self._mark = object()  # of the architectures that this space has checked or made
        if not self.choices:
            raise ValueError("a search space needs at least one choice, got none.")
        if not callable(build):
            raise TypeError(f"build must be a function architecture -> nn.Module, got {build!r}.")
        if isinstance(layouts, str) and not self.auto_layouts:
            raise ValueError(f"layouts must be 'auto' or a mapping, got {layouts!r}.")
        check_conditions(self.choices)

    # --- values in and out ---------------------------------------------------------------------

    def architecture(self, values: Mapping[str, Any] | str) -> Architecture:
        """The canonical architecture of `values`: checked, inactive choices dropped.

        Args:
            values: choice -> value, or "largest" or "smallest".

        Raises:
            ValueError: naming every unknown, missing or misvalued choice and what is allowed.
        """
        if not isinstance(values, Mapping):
            return self.named(values)
        if isinstance(values, Architecture) and values.of is self._mark:
            return values
        return self._check(values)

    def _check(self, values: Mapping[str, Any]) -> Architecture:
        problems = [
            f"{name}: no such choice{meant(name, self.choices)}, expected some of {list(self.choices)}"
            for name in values
            if name not in self.choices
        ]
        result: dict[str, Value] = {}
        for name, choice in self.choices.items():
            if not choice.active(result):
                continue
            if name not in values:
                problems.append(f"{name}: missing, expected one of {list(choice.values)}")
                continue
            value = freeze(values[name])
            if value in choice.values:
                result[name] = choice.values[choice.values.index(value)]
            else:
                problems.append(f"{name}: expected one of {list(choice.values)}, got {value!r}")
        if problems:
            raise ValueError(
                f"{dict(values)} is not an architecture of this space:\n  " + "\n  ".join(problems)
            )
        return Architecture(result, of=self._mark)

    def named(self, description: Mapping[str, Any] | str) -> Architecture:
        """The architecture of "largest", "smallest" or a mapping.

        Raises:
            ValueError: for any other word, or a mapping that is not of this space.
        """
        if isinstance(description, Mapping):
            return self.architecture(description)
        match description:
            case "largest":
                return self.largest()
            case "smallest":
                return self.smallest()
        raise ValueError(
            f"an architecture is 'largest', 'smallest' or a mapping such as "
            f"'{self.smallest()}', got {description!r}."
        )

    def __contains__(self, values: object) -> bool:
        if not isinstance(values, Mapping | str):
            return False
        try:
            self.architecture(values)
        except (ValueError, TypeError, AttributeError):
            return False
        return True

    def build(self, architecture: Mapping[str, Any]) -> nn.Module:
        """The user's module for an architecture.

        Raises:
            ValueError: if the architecture is not of this space.
            TypeError: if the builder returns something other than a module.

        What the builder raises has a note that names the architecture.
        """
        architecture = self.architecture(architecture)
        try:
            module = self._build(architecture)
        except Exception as error:
            error.add_note(f"The builder of the search space raised this for {architecture}.")
            raise
        if not isinstance(module, nn.Module):
            raise TypeError(
                f"build must return an nn.Module, got {type(module).__name__} for {architecture}."
            )
        return module

    def largest_like(self, architecture: Architecture) -> Architecture:
        """The largest architecture with the same values of categorical choices."""
        return self._complete(
            lambda name, choice: (
                architecture[name]
                if name in architecture and not choice.ordered
                else choice.values[-1]
            )
        )

    def _complete(self, pick: Callable[[str, Choice], Value]) -> Architecture:
        """Go through the choices in order and let `pick` decide each active one."""
        result: dict[str, Value] = {}
        for name, choice in self.choices.items():
            if choice.active(result):
                result[name] = pick(name, choice)
        return Architecture(result, of=self._mark)

    def smallest(self) -> Architecture:
        """The first value of every active choice."""
        return self._complete(lambda _, choice: choice.values[0])

    def largest(self) -> Architecture:
        """The last value of every active choice."""
        return self._complete(lambda _, choice: choice.values[-1])

    def references(self) -> list[Architecture]:
        """Architectures whose parameters, together, contain those of every other.

        The largest, and for each further value of a categorical choice (which may bring parameters
        of other names) the largest with that value, and with whatever that choice depends on.
        """
        found = [self.largest()]
        for name, choice in self.choices.items():
            if choice.ordered:
                continue
            for value in choice.values:
                candidate = self.largest_with(name, value)
                if candidate not in found:
                    found.append(candidate)
        return found

    def largest_with(self, name: str, value: Any) -> Architecture:
        """The largest architecture in which a choice is there and takes a value."""
        wanted = self._reach(name) | {name: value}
        return self._complete(lambda name, choice: wanted.get(name, choice.values[-1]))

    def _reach(self, name: str) -> dict[str, Value]:
        """The largest values of other choices under which choice `name` is there."""
        wanted: dict[str, Value] = {}
        direct = {
            parent: max(allowed, key=self.choices[parent].values.index)
            for parent, allowed in self.choices[name].when.items()
            if allowed
        }
        for parent in direct:
            wanted |= self._reach(parent)
        return wanted | direct

    # --- randomness ----------------------------------------------------------------------------

    def sample(self, rng: Any) -> Architecture:
        """A random architecture, each of the space as likely as any other."""
        return Architecture(self._census.draw(rng), of=self._mark)

    def sample_choices(self, rng: Any) -> Architecture:
        """A random architecture, choice by choice: each, when active, uniform over its values.

        Where choices have conditions this is not `sample`: of depths that bring choices with them, all
        are as likely here, while more architectures are deep than shallow.
        """
        return self._complete(lambda _, choice: choice.values[below(rng, len(choice.values))])

    def mutate(
        self, architecture: Mapping[str, Any], rng: Any, probability: float = 0.1
    ) -> Architecture:
        """A neighbour: each active choice takes another value with `probability`; at least one does.

        Choices that a change makes active are sampled. Returns the architecture itself only where
        the space has no other.
        """
        parent = self.architecture(architecture)
        free = [n for n, c in self.choices.items() if n in parent and len(c.values) > 1]
        if not free:
            return parent
        forced = free[below(rng, len(free))]

        def pick(name: str, choice: Choice) -> Value:
            if name not in parent:
                return choice.values[below(rng, len(choice.values))]
            if name != forced and (len(choice.values) == 1 or unit(rng) >= probability):
                return parent[name]
            others = [value for value in choice.values if value != parent[name]]
            return others[below(rng, len(others))]

        return self._complete(pick)

    def crossover(
        self, first: Mapping[str, Any], second: Mapping[str, Any], rng: Any
    ) -> Architecture:
        """A child that takes each active choice from one parent or the other, evenly.

        A choice that only one parent has comes from that one; one that neither has is sampled.
        """
        parents = self.architecture(first), self.architecture(second)

        def pick(name: str, choice: Choice) -> Value:
            values = [parent[name] for parent in parents if name in parent] or choice.values
            return values[below(rng, len(values))]

        return self._complete(pick)

    # --- counting ------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """The exact number of distinct architectures."""
        return self._census.size

    @functools.cached_property
    def _census(self) -> Census:
        return Census(self.choices)

    def enumerate(self) -> Iterator[Architecture]:
        """Every architecture once, in the order of the choices and their values."""
        return map(self.architecture, every(self.choices))

    def to_json(self) -> str:
        """The choices as JSON: two spaces with the same text have the same architectures."""
        return json.dumps(
            {
                name: {"values": choice.values, "ordered": choice.ordered, "when": choice.when}
                for name, choice in self.choices.items()
            }
        )

    def __repr__(self) -> str:
        return f"SearchSpace({list(self.choices)}, size={self.size})"
