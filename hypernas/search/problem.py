"""Problems: what a search looks for, and within which limits."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypernas.border import checked
from hypernas.search.estimate import Estimate
from hypernas.search.measure import Measure
from hypernas.search.memory import Memory
from hypernas.space import Architecture, SearchSpace


@dataclass(frozen=True)
class Objective:
    """A measure to make small, or large."""

    name: str
    maximize: bool = False

    def loss(self, value: float) -> float:
        """The value such that lower is better."""
        return -value if self.maximize else value


@dataclass(frozen=True)
class Constraint:
    """A bound on a measure.

    Args:
        at_most: False for "at least".
    """

    name: str
    bound: float
    at_most: bool = True

    def excess(self, value: float) -> float:
        """Distance of a value beyond the bound, in parts of it (plain, where it is 0); 0 within."""
        beyond = value - self.bound if self.at_most else self.bound - value
        return max(0.0, beyond / abs(self.bound) if self.bound else beyond)

    def __str__(self) -> str:
        return f"{self.name} {'<=' if self.at_most else '>='} {self.bound:g}"


@checked
@dataclass(frozen=True)
class Problem:
    """Objectives and constraints over the architectures of a space.

    Args:
        objectives: one or more, of different names.
        constraints: each on a measure that is evaluated or known.
        known: by name, measures that cost next to nothing, such as parameters: methods call them on
            architectures that they never ask for, once for each. Those that cost a little, such as FLOPs,
            are given as an `Estimate`.

    Raises:
        ValueError: if there is no objective, or two of one name.
        TypeError: if a part is of another kind.
    """

    space: SearchSpace
    objectives: Sequence[Objective]
    constraints: Sequence[Constraint] = ()
    known: Mapping[str, Measure] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "objectives", tuple(self.objectives))
        object.__setattr__(self, "constraints", tuple(self.constraints))
        known = {name: Memory.of(measure) for name, measure in self.known.items()}
        object.__setattr__(self, "known", known)
        names = [objective.name for objective in self.objectives]
        if not names or len(set(names)) != len(names):
            raise ValueError(
                f"a problem needs one or more objectives of different names, got {names}."
            )

    @property
    def names(self) -> list[str]:
        """The measures that every evaluation tells: of objectives, then of constraints."""
        both = (*self.objectives, *self.constraints)
        return list(dict.fromkeys(part.name for part in both))

    def rough(self) -> "Problem":
        """This problem, for which nothing is computed that is estimated."""
        known = {
            name: measure.rough() if isinstance(measure, Estimate) else measure
            for name, measure in self.known.items()
        }
        return replace(self, known=known)

    def settle(self, architectures: Sequence[Architecture], names: Container[str]) -> bool:
        """Compute what is estimated of these; whether there was anything to compute."""
        found = [
            measure.compute(architectures)
            for name, measure in self.known.items()
            if name in names and isinstance(measure, Estimate)
        ]
        return any(found)

    def check_single(self) -> None:
        """Refuse more than one objective.

        Raises:
            ValueError: naming those there are.
        """
        if len(self.objectives) > 1:
            raise ValueError(
                f"this search has one objective, the others are constraints; got "
                f"{[objective.name for objective in self.objectives]}. Use nsga2 or linas, or bound all "
                f"but one."
            )

    def losses(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """The value of each objective, such that lower is better."""
        return tuple(objective.loss(values[objective.name]) for objective in self.objectives)

    def violation(self, values: Mapping[str, float]) -> float:
        """The sum of what constraints are exceeded by; 0 where all hold."""
        return sum(part.excess(values[part.name]) for part in self.constraints)

    def known_values(self, architectures: Sequence[Architecture]) -> list[dict[str, float]]:
        """The known measures of each architecture, of those that the problem names."""
        columns = {
            name: self.known[name](architectures) for name in self.names if name in self.known
        }
        return [
            {name: column[i] for name, column in columns.items()} for i in range(len(architectures))
        ]
