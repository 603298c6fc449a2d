"""The aim of a search in words: objectives and constraints by the names of measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hypernas.cost import Cost, Parameters
from hypernas.evaluation import MEASURES
from hypernas.search.measure import Measure
from hypernas.search.problem import Constraint, Objective, Problem
from hypernas.space import SearchSpace

_WORDS = {"min": False, "max": True}


@dataclass(frozen=True, kw_only=True)
class Aim:
    """Objectives and constraints in words, and the length of the search.

    A cost is to be small and bounded from above, and so are measures of which lower is better; others are
    to be large and bounded from below. Of a measure that hypernas does not know, the name says which way it is
    better: `max:name` or `min:name`.

    Attributes:
        objectives: names of measures, the first of which is the one that counts where one has to.
        constraints: name -> bound.
        num_evaluations: of architectures.
        num_at_once: that are asked for and measured together.
    """

    objectives: Sequence[str]
    constraints: Mapping[str, float] = field(default_factory=dict)
    num_evaluations: int = 200
    num_at_once: int = 16


def problem_of(space: SearchSpace, aim: Aim, measures: Mapping[str, Measure]) -> Problem:
    """The problem of an aim, in which a number of parameters that is bounded is known.

    Other measures take long enough that a method had better learn to predict them than ask for them of
    thousands of architectures.

    Args:
        measures: all there are, by name.

    Raises:
        ValueError: naming every objective and constraint that is wrong.
    """
    objectives, constraints = aim.objectives, aim.constraints
    wrong: list[str] = []
    if not objectives:
        wrong.append("objectives: expected one name or more, got none")
    upwards: dict[str, bool] = {}
    for text in (*objectives, *constraints):
        name = _name(text)
        if name not in measures:
            wrong.append(f"there is no measure {name!r}, expected one of {sorted(measures)}")
            continue
        direction = _direction(text, measures[name])
        if direction is None:
            wrong.append(f"nobody said which way {name} is better: write max:{name} or min:{name}")
        else:
            upwards[name] = direction
    for text, bound in constraints.items():
        if isinstance(bound, bool) or not isinstance(bound, int | float) or bound != bound:
            wrong.append(f"constraints.{text}: expected a number, got {bound!r}")
    names = [_name(text) for text in objectives]
    wrong += [
        f"objectives: {name} is there twice"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    bounded = [_name(text) for text in constraints]
    if wrong:
        raise ValueError("\n".join(dict.fromkeys(wrong)) + ".")
    return Problem(
        space,
        [Objective(name, maximize=upwards[name]) for name in names],
        [
            Constraint(_name(text), float(bound), at_most=not upwards[_name(text)])
            for text, bound in constraints.items()
        ],
        {name: m for name in bounded if isinstance(m := measures[name], Parameters)},
    )


def _name(text: str) -> str:
    word, colon, name = text.partition(":")
    return name if colon and word in _WORDS else text


def _direction(text: str, measure: Measure) -> bool | None:
    """True if more is better, None if nobody knows."""
    word, colon, _ = text.partition(":")
    if colon and word in _WORDS:
        return _WORDS[word]
    if isinstance(measure, Cost):
        return False
    known = MEASURES.get(measure.name)
    return None if known is None else not known.lower_is_better
