"""The aim of a search in words: objectives and constraints by the names of measures."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hypernas.cost import Cost, Count, Parameters
from hypernas.evaluation import MEASURES
from hypernas.search.estimate import Estimate
from hypernas.search.measure import Measure
from hypernas.search.problem import Constraint, Objective, Problem
from hypernas.space import SearchSpace

_WORDS = {"min": False, "max": True}


@dataclass(frozen=True, kw_only=True)
class Aim:
    """Objectives and constraints in words, and the length of the search.

    A cost is to be small and bounded from above, and so are measures of which lower is better; others are
    to be large and bounded from below. A word before the name says otherwise, or says it of a measure that
    hypernas does not know: as an objective, `max:name` is to be large and `min:name` small; as a constraint,
    `max:name` is wanted large, so at least the bound, and `min:name` small, so at most the bound. One measure may
    have both. A constraint without a word, on a measure that hypernas does not know, goes the way of
    the objective of that name.

    Raises:
        ValueError: if an objective is no text.

    Attributes:
        objectives: names of measures, the first of which is the one that counts where one has to.
        constraints: name, or a word and a name -> bound.
        num_evaluations: of architectures.
        num_at_once: that are asked for and measured together.
    """

    objectives: Sequence[str]
    constraints: Mapping[str, float] = field(default_factory=dict)
    num_evaluations: int = 200
    num_at_once: int = 16

    def __post_init__(self) -> None:
        told = self.objectives
        if isinstance(told, str) or not all(isinstance(name, str) for name in told):
            raise ValueError(
                f"objectives: expected names of measures, such as [accuracy, parameters], got {told!r:.200}."
            )


def problem_of(space: SearchSpace, aim: Aim, measures: Mapping[str, Measure]) -> Problem:
    """The problem of an aim, in which bounded parameters are known, and bounded operations and memory estimated.

    Other measures take long enough that a method had better learn to predict them from what it evaluates.

    Args:
        measures: all there are, by name.

    Raises:
        ValueError: naming every objective and constraint that is wrong.
    """
    wrong = [] if aim.objectives else ["objectives: expected one name or more, got none"]
    goals = _read(aim.objectives, measures, {}, wrong)
    bounds = _read(aim.constraints, measures, dict(goals.values()), wrong)
    names = [_name(text) for text in aim.objectives]
    wrong += [
        f"objectives: {name} is there twice"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    for text, bound in aim.constraints.items():
        if isinstance(bound, bool) or not isinstance(bound, int | float) or bound != bound:
            wrong.append(f"constraints.{text}: expected a number, got {bound!r}")
    if not wrong:
        wrong += _contradictions(bounds, aim.constraints)
    if wrong:
        raise ValueError("\n".join(dict.fromkeys(wrong)) + ".")
    counted = {n: m for n, _ in bounds.values() if isinstance(m := measures[n], Count)}
    known = {n: m if isinstance(m, Parameters) else Estimate(m, space) for n, m in counted.items()}
    return Problem(
        space,
        [Objective(name, maximize=up) for name, up in goals.values()],
        [
            Constraint(name, float(aim.constraints[text]), at_most=not up)
            for text, (name, up) in bounds.items()
        ],
        known,
    )


def _read(
    texts: Iterable[str],
    measures: Mapping[str, Measure],
    told: Mapping[str, bool],
    wrong: list[str],
) -> dict[str, tuple[str, bool]]:
    """The name in each text, and whether more of it is better.

    Args:
        told: the directions of names that are known otherwise.
        wrong: is given what cannot be read.
    """
    found = {}
    for text in texts:
        name = _name(text)
        if name not in measures:
            wrong.append(f"there is no measure {name!r}, expected one of {sorted(measures)}")
            continue
        up = _direction(text, measures[name])
        up = told.get(name) if up is None else up
        if up is None:
            wrong.append(f"nobody said which way {name} is better: write max:{name} or min:{name}")
        else:
            found[text] = name, up
    return found


def _contradictions(
    bounds: Mapping[str, tuple[str, bool]], constraints: Mapping[str, float]
) -> list[str]:
    """Pairs of constraints of one measure that say the same thing twice, or cannot both hold."""
    wrong = []
    for first, second in itertools.combinations(bounds, 2):
        (name, up), (other, other_up) = bounds[first], bounds[second]
        if name != other:
            continue
        if up == other_up:
            side = "below" if up else "above"
            wrong.append(
                f"constraints {first} and {second} both bound {name} from {side}: keep one"
            )
            continue
        low, high = (first, second) if up else (second, first)
        if constraints[low] > constraints[high]:
            wrong.append(
                f"constraints {first} and {second}: no {name} is at least {constraints[low]:g} and at most "
                f"{constraints[high]:g}"
            )
    return wrong


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
