"""Fronts: the best that a search found."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hypernas.search.evaluated import Evaluated
from hypernas.search.hypervolume import hypervolume
from hypernas.search.infeasible import Infeasible
from hypernas.search.problem import Constraint, Objective, Problem
from hypernas.space import SearchSpace
from hypernas.storage.seal import Altered, read_sealed, write_sealed


def non_dominated(
    losses: Sequence[Sequence[float]],  # lower is better
) -> list[int]:
    """Positions of points that no other is better than in one loss and as good in all, in order.

    Points of equal losses stay or go together.
    """
    vectors = [tuple(map(float, point)) for point in losses]
    kept: list[tuple[float, ...]] = []
    for vector in sorted(set(vectors)):  # none is dominated by one that comes after it
        if not any(all(a <= b for a, b in zip(other, vector, strict=True)) for other in kept):
            kept.append(vector)
    best = set(kept)
    return [i for i, vector in enumerate(vectors) if vector in best]


@dataclass(frozen=True)
class Front:
    """Architectures of which none is better than another in every objective.

    Attributes:
        objectives: what they are the best in.
        constraints: what all of them meet.
        points: best first by the first objective; at least one.
    """

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    points: tuple[Evaluated, ...]

    @staticmethod
    def of(problem: Problem, evaluated: Iterable[Evaluated]) -> "Front":
        """The front of what was evaluated and meets the constraints; what was judged in part is left out.

        Raises:
            ValueError: if nothing was evaluated.
            Infeasible: if nothing meets them.
        """
        every = [one for one in evaluated if one.examples is None]
        if not every:
            raise ValueError("a front is of evaluated architectures, got none.")
        feasible = [one for one in every if not problem.violation(one.values)]
        if not feasible:
            raise Infeasible(problem.constraints, every)
        losses = [problem.losses(one.values) for one in feasible]
        order = sorted(non_dominated(losses), key=lambda i: (losses[i], i))
        points = tuple(feasible[i] for i in order)
        return Front(tuple(problem.objectives), tuple(problem.constraints), points)

    def best(self, name: str | None = None) -> Evaluated:
        """The point that is best in an objective, the first by default.

        Raises:
            ValueError: if it is none of the objectives.
        """
        objective = self.objectives[0] if name is None else self._objective(name)
        losses = [objective.loss(point.values[objective.name]) for point in self.points]
        return self.points[losses.index(min(losses))]

    def pick(self, description: str) -> Evaluated:
        """The point of "best", "best:OBJECTIVE" or a position, counted from 0.

        Raises:
            ValueError: if there is no such point.
        """
        word, colon, name = description.partition(":")
        if word == "best":
            return self.best(name if colon else None)
        if description.isdecimal() and int(description) < len(self.points):
            return self.points[int(description)]
        raise ValueError(
            f"a point of this front is 'best', one of "
            f"{[f'best:{objective.name}' for objective in self.objectives]} or a position from 0 to "
            f"{len(self.points) - 1}, got {description!r}."
        )

    def hypervolume(self, reference: Mapping[str, float]) -> float:
        """The hypervolume of the points.

        Args:
            reference: of each objective, a value that is as bad as any of interest. Fix it before the
                search: a point chosen after it favours what was found.

        Raises:
            ValueError: if it lacks an objective.
        """
        if missing := [part.name for part in self.objectives if part.name not in reference]:
            raise ValueError(
                f"the reference point lacks {missing}: it has a value for {list(reference)}."
            )
        losses = [
            [part.loss(point.values[part.name]) for part in self.objectives]
            for point in self.points
        ]
        return hypervolume(losses, [part.loss(reference[part.name]) for part in self.objectives])

    def _objective(self, name: str) -> Objective:
        for objective in self.objectives:
            if objective.name == name:
                return objective
        names = [objective.name for objective in self.objectives]
        raise ValueError(f"the front has the objectives {names}, got {name!r}.")

    def write(self, path: str | os.PathLike[str], space: SearchSpace) -> None:
        """Write the front of a space as JSON, whole or not at all."""
        content = {
            "space": json.loads(space.to_json()),
            "objectives": [asdict(objective) for objective in self.objectives],
            "constraints": [asdict(constraint) for constraint in self.constraints],
            "points": [
                {
                    "architecture": json.loads(point.architecture.to_json()),
                    "values": dict(point.values),
                    "intervals": {name: list(ends) for name, ends in point.intervals.items()},
                }
                for point in self.points
            ],
        }
        write_sealed(Path(path), content)

    @staticmethod
    def read(path: str | os.PathLike[str], space: SearchSpace) -> "Front":
        """The front in a file.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it holds no front, or one of another space.
        """
        try:
            content = read_sealed(Path(path))
            found = content["space"]
            front = Front(
                tuple(Objective(**part) for part in content["objectives"]),
                tuple(Constraint(**part) for part in content["constraints"]),
                (),
            )
            points = content["points"]
            if not points:
                raise ValueError("it has no points")
            for point in points:
                check_point(point)
        except Altered:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} does not hold a front: {error!r}.") from None
        if found != json.loads(space.to_json()):
            raise ValueError(
                f"{path} is a front of another space: expected the choices {list(space.choices)}, got "
                f"{list(found)}" + _changed(found, space) + ". Give the run that was searched."
            )
        return Front(front.objectives, front.constraints, tuple(_point(p, space) for p in points))


def _changed(found: Mapping[str, Any], space: SearchSpace) -> str:
    own = json.loads(space.to_json())
    names = [name for name in own if name in found and own[name] != found[name]]
    return f", of which {names} have other values or conditions" if names else ""


def check_point(content: Mapping[str, Any]) -> None:
    """Refuse what is no point.

    Raises:
        KeyError, TypeError, ValueError: saying why.
    """
    dict(content["architecture"])
    values = {name: float(value) for name, value in content["values"].items()}
    for name, (low, high) in content["intervals"].items():
        if not low <= high or name not in values:
            raise ValueError(f"the interval of {name} is [{low}, {high}]")


def _point(content: Mapping[str, Any], space: SearchSpace) -> Evaluated:
    intervals = {name: (low, high) for name, (low, high) in content["intervals"].items()}
    architecture = space.architecture(content["architecture"])
    return Evaluated(architecture, dict(content["values"]), intervals)
