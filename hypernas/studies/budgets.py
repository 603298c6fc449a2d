"""The lengths of a study's trainings, at equal compute."""

import functools
import json
from collections.abc import Mapping

from hypernas.evaluation.budget import Budget, relative_cost
from hypernas.runs.assembly import Parts, part
from hypernas.runs.settings import Settings


class Budgets:
    """Arm, seed and budget -> the steps that cost as much, each counted once.

    Args:
        parts: of the study; the costs are those of subnets of its space on its data.
        arms: arm -> its settings, of which `sampling` and `objective` tell what a step costs.
        reference_steps: of stand-alone training, whose cost for the largest subnet is the unit.
    """

    def __init__(self, parts: Parts, arms: Mapping[str, Settings], *, reference_steps: int) -> None:
        self._cost = relative_cost(parts.space, parts.data)
        self._space, self._reference_steps = parts.space, reference_steps
        self._told = {
            arm: json.dumps({key: own[key] for key in ("sampling", "objective")})
            for arm, own in arms.items()
        }
        self._counted = functools.cache(self._count)

    def steps(self, arm: str, *, seed: int, budget: float) -> int:
        """Steps of the arm with the seed.

        Raises:
            ValueError: if the budget is less than one step.
        """
        return self._counted(self._told[arm], seed, budget)[0]

    def spent(self, arm: str, *, seed: int, budget: float) -> float:
        """Cost of these steps, in units of one stand-alone training: the budget up to half a step."""
        return self._counted(self._told[arm], seed, budget)[1]

    def _count(self, told: str, seed: int, budget: float) -> tuple[int, float]:
        sampler, objective = (part(json.loads(told), key) for key in ("sampling", "objective"))
        own = Budget(self._space, sampler, self._reference_steps, self._cost, seed, objective)
        steps = own.steps(budget)
        return steps, own.spent(steps)
