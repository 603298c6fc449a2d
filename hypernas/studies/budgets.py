"""The lengths of a study's trainings, at equal compute."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from hypernas.evaluation.budget import Budget, relative_cost
from hypernas.runs.assembly import Parts, part
from hypernas.runs.settings import Settings
from hypernas.space import Architecture, SearchSpace
from hypernas.studies.jobs import Spec, digest


class Length(NamedTuple):
    """The length of a training.

    Attributes:
        steps: that cost nearest to the budget.
        spent: what they cost, in units of one stand-alone training: the budget up to half a step.
    """

    steps: int
    spent: float


class Budgets:
    """Arm, seed and budget -> the length of a training that costs as much, each counted once.

    Args:
        parts: of the study; the costs are those of subnets of its space on its data.
        base: settings of these parts.
        arms: arm -> its settings, of which `sampling` and `objective` tell what a step costs.
        reference_steps: of stand-alone training, whose cost for the largest subnet is the unit.
    """

    def __init__(
        self, parts: Parts, base: Settings, arms: Mapping[str, Settings], *, reference_steps: int
    ) -> None:
        self._parts, self._reference_steps = parts, reference_steps
        self._cost = relative_cost(parts.space, parts.data)
        self._told = {
            arm: {**base, **{key: own[key] for key in ("sampling", "objective")}}
            for arm, own in arms.items()
        }
        self._known: dict[str, Length] = {}

    def spec(self, arm: str, *, seed: int, budget: float) -> Spec:
        """The job of counting a length, the same for all arms that train the same architectures."""
        told = self._told[arm]
        sampling = told["sampling"]["_target_"].rpartition(".")[2]
        return {
            "kind": "length",
            "label": f"{sampling}, budget {budget}, seed {seed}",
            "budget": float(budget),
            "seed": seed,
            "reference_steps": self._reference_steps,
            "settings": told,
        }

    def specs(self, trainings: Iterable[tuple[str, int, float]]) -> list[Spec]:
        """The jobs of these arms, seeds and budgets, each once."""
        every = (self.spec(arm, seed=seed, budget=budget) for arm, seed, budget in trainings)
        return list({digest(spec): spec for spec in every}.values())

    def know(self, specs: Sequence[Spec], counted: Sequence[Sequence[float]]) -> None:
        """Keep what jobs have counted."""
        for spec, (steps, spent) in zip(specs, counted, strict=True):
            self._known[digest(spec)] = Length(int(steps), spent)

    def length(self, arm: str, *, seed: int, budget: float) -> Length:
        """Steps of the arm with the seed, counted now where no job has."""
        spec = self.spec(arm, seed=seed, budget=budget)
        key = digest(spec)
        if key not in self._known:
            self._known[key] = length_of(spec, self._parts.space, self._cost)
        return self._known[key]

    def check(self, arm: str, *, seed: int, budget: float) -> None:
        """Refuse a budget in which an arm has no step.

        Raises:
            ValueError: telling what a step costs.
        """
        spec = self.spec(arm, seed=seed, budget=budget)
        _budget(spec, self._parts.space, self._cost).check(budget)


def length_of(spec: Spec, space: SearchSpace, cost: Callable[[Architecture], float]) -> Length:
    """The length that a job is to count.

    Args:
        cost: of a subnet, in units of the largest one's.
    """
    budget = _budget(spec, space, cost)
    steps = budget.steps(spec["budget"])
    return Length(steps, budget.spent(steps))


def _budget(spec: Spec, space: SearchSpace, cost: Callable[[Architecture], float]) -> Budget:
    sampler, objective = (part(spec["settings"], key) for key in ("sampling", "objective"))
    return Budget(space, sampler, spec["reference_steps"], cost, spec["seed"], objective)
