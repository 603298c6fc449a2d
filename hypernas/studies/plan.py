"""The plan of a study: its settings, checked before anything is computed, and its jobs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypernas.cost import num_parameters, subnet_flops
from hypernas.evaluation import MEASURES, tuned_at
from hypernas.runs.assembly import part
from hypernas.runs.settings import Settings
from hypernas.sampling import stratified_subnets
from hypernas.studies.budgets import Budgets
from hypernas.studies.composer import Composer, Layer
from hypernas.studies.jobs import Spec
from hypernas.studies.rows import Row, Rows
from hypernas.studies.settings import ALONE, check_comparable, study_settings
from hypernas.studies.work import check_measures, parts_of
from hypernas.training import check_teacher


class Plan:
    """A study, as its settings tell it.

    Args:
        settings: nested plain values, with the keys that `hypernas study --cfg job` prints.
        compose: layers of the study's file -> whole settings of a training.

    Attributes:
        arms: those asked for, in the order of the study's file.
        budgets: from small to large.
        lengths: of trainings at equal compute.
        rows: what makes rows of results.

    Raises:
        ValueError: naming every setting that is wrong, or an arm that could not be compared.
    """

    def __init__(self, settings: Settings, compose: Composer) -> None:
        told = study_settings(settings)
        self._compose = compose
        self.name, self.told = told["name"], told
        self._all_arms: dict[str, list[Layer]] = told["arms"]
        self._first = next(iter(self._all_arms))
        self.arms = [a for a in self._all_arms if settings["arms"] is None or a in settings["arms"]]
        self.seeds = list(told["seeds"] if settings["seeds"] is None else settings["seeds"])
        self.budgets = sorted(
            told["budgets"] if settings["budgets"] is None else settings["budgets"]
        )
        self.split, self.device = settings["split"], settings["device"]
        self._cache = str(Path(settings["work"]) / "references")
        self._steps_alone = told["reference_steps"]
        self._tuned = len(told["learning_rates"]) > 1

        first = {"seed": 0, "lr": 0.01, "steps": 1}
        base = self._settings(told["supernet"], **first)
        self._tuned_as: dict[str, str] = told["tuned_as"]
        self._tuners = list(dict.fromkeys(self._tuned_as[arm] for arm in self.arms))
        arms = {arm: self._arm_settings(arm, **first) for arm in {*self.arms, *self._tuners}}
        check_comparable(base, {**arms, "recipe": self._alone_settings(**first)})
        parts = parts_of(base)
        check_measures(told, parts)
        cost = subnet_flops(parts.space, parts.data.example(num=1))
        pool = max(100, 4 * told["subnets"])
        self.subnets = stratified_subnets(
            parts.space, told["subnets"], cost=cost, seed=0, pool=pool
        )
        self.lengths = Budgets(parts, base, arms, reference_steps=self._steps_alone)
        for own in arms.values():
            check_teacher(part(own, "objective"), part(own, "sampling"), parts.space)
        for arm in self.arms:
            least = min(*told["tuning"], *self.budgets)
            self.lengths.check(arm, seed=self.seeds[0], budget=least)
        subnets: dict[str, Row] = {}
        for label, architecture in self.subnets.items():
            subnets[label] = {
                "architecture": architecture.to_json(),
                "params": num_parameters(parts.space.build(architecture)),
                "macs": cost(architecture) // 2,
            }
        unit = self._steps_alone * cost(parts.space.largest())
        self.rows = Rows(
            parts.data.name,
            told["measure"],
            self.split,
            self._steps_alone,
            unit,
            subnets,
            told["tuned_by"],
        )

    def text(self) -> str:
        return (
            f"{self.name} on {self.rows.task}: {len(self.arms)} arms, seeds {self.seeds}, "
            f"{len(self.subnets)} subnets, {self._steps_alone} steps alone, budgets {self.budgets}"
        )

    def best_for(self, budget: float, tuning: Sequence[Row]) -> dict[str, float]:
        """The learning rate of each arm for a budget, which is what is best where it was tuned for that.

        Arms are tuned at some budgets; which of them counts, `tuned_at` tells.

        Raises:
            ValueError: as `best`.
        """
        if not self._tuned:
            rate: float = self.told["learning_rates"][0]
            return dict.fromkeys(self.arms, rate)
        at = tuned_at(budget, self.told["tuning"])
        best = self.best([r for r in tuning if r["arm"] != ALONE and r["budget"] == at])
        return {arm: best[own] for arm, own in self._tuned_as.items() if own in best}

    def best_alone(self, tuning: Sequence[Row]) -> float:
        """The learning rate of stand-alone training.

        Raises:
            ValueError: as `best`.
        """
        if not self._tuned:
            return self.told["learning_rates"][0]
        return self.best([row for row in tuning if row["arm"] == ALONE])[ALONE]

    def best(self, tuning: Sequence[Row]) -> dict[str, float]:
        """The learning rate of the best validation measure, by arm.

        Raises:
            ValueError: if training diverged at every rate of an arm, with one seed or more.
        """
        chosen: dict[str, Row] = {}
        score = MEASURES[self.rows.tuned_by].score
        for row in tuning:
            if math.isnan(row["validation"]):
                continue
            other = chosen.get(row["arm"])
            if other is None or score(row["validation"]) > score(other["validation"]):
                chosen[row["arm"]] = row
        if lost := sorted({row["arm"] for row in tuning} - set(chosen)):
            raise ValueError(
                f"training diverged at every learning rate of {self.told['learning_rates']} for "
                f"{lost}, with one seed or more: give study.learning_rates smaller ones, or leave arms "
                f"out by arms=[...], or of long training by study.last_budget."
            )
        return {arm: row["lr"] for arm, row in chosen.items()}

    def _settings(self, arm: Sequence[Layer], *, seed: int, lr: float, steps: int) -> Settings:
        """Whole settings of a training."""
        own = {"seed": seed, "device": self.device}
        own |= {"training": {"steps": steps}, "optimizer": {"lr": lr}}
        return self._compose([*self.told["settings"], *arm, own])

    def _arm_settings(self, arm: str, *, seed: int, lr: float, steps: int) -> Settings:
        added = [*self.told["supernet"], *self._all_arms[arm]]
        return self._settings(added, seed=seed, lr=lr, steps=steps)

    def _alone_settings(self, *, seed: int, lr: float, steps: int) -> Settings:
        added = [*self._compose.alone, *self.told["recipe"]]
        return self._settings(added, seed=seed, lr=lr, steps=steps)

    # --- stand-alone training ----------------------------------------------------------------

    def alone_trials(self) -> list[Spec]:
        """Several subnets at each learning rate, with the first seed of tuning."""
        seed = self.told["tuning"][min(self.told["tuning"])][0]
        some = self._some(self.told["plateau_subnets"])
        return [
            self._alone(label, seed=seed, lr=lr, steps=self._steps_alone)
            for lr in self.told["learning_rates"]
            for label in some
            if self._tuned
        ]

    def alone(self, lr: float) -> list[Spec]:
        """Each subnet with each seed, and some for twice as long, to see the plateau."""
        once = [
            self._alone(label, seed=seed, lr=lr, steps=self._steps_alone)
            for seed in self.seeds
            for label in self.subnets
        ]
        twice = [
            self._alone(label, seed=seed, lr=lr, steps=2 * self._steps_alone)
            for seed in self.seeds
            for label in self._some(self.told["plateau_subnets"])
        ]
        return once + twice

    def _alone(self, label: str, *, seed: int, lr: float, steps: int) -> Spec:
        return {
            "kind": "reference",
            "label": f"{label}, seed {seed}, lr {lr}, {steps} steps",
            "arm": ALONE,
            "budget": steps / self._steps_alone,
            "lr": lr,
            "seed": seed,
            "subnet": label,
            "architecture": dict(self.subnets[label]),
            "settings": self._alone_settings(seed=seed, lr=lr, steps=steps),
            "cache": self._cache,
        }

    def _some(self, num: int) -> list[str]:
        """Subnets spread over the cost."""
        labels = list(self.subnets)
        return [labels[int((i + 0.5) * len(labels) / num)] for i in range(num)]

    # --- arms ----------------------------------------------------------------------------------

    def uncounted(self) -> list[Spec]:
        """The trainings of arms whose lengths are to be counted, before any of them."""
        tried = [(a, s, b) for b, a, seeds in self._tried() for s in seeds]
        last = self._last_budgets().items()
        compared = [
            (a, s, b) for b in self.budgets for a, most in last for s in self.seeds if b <= most
        ]
        return self.lengths.specs(tried + compared)

    def trials(self) -> list[Spec]:
        """Each arm at each learning rate, at the budgets where it is tuned, with the seeds of each."""
        return [
            self._cell(arm, seed=seed, budget=budget, lr=lr, split="validation")
            for budget, arm, seeds in self._tried()
            for lr in self.told["learning_rates"]
            for seed in seeds
        ]

    def _tried(self) -> list[tuple[float, str, list[int]]]:
        """Budgets at which arms are tuned, each with its seeds."""
        wanted: dict[str, set[float]] = {arm: set() for arm in self._tuners}
        for arm, last in self._last_budgets().items():
            at = {tuned_at(b, self.told["tuning"]) for b in self.budgets if b <= last}
            wanted[self._tuned_as[arm]] |= at
        return [
            (budget, arm, seeds)
            for budget, seeds in sorted(self.told["tuning"].items())
            for arm in self._tuners
            if self._tuned and budget in wanted[arm]
        ]

    def _last_budgets(self) -> dict[str, float]:
        return {arm: self.told["last_budget"].get(arm, math.inf) for arm in self.arms}

    def cells(self, lrs: Mapping[str, float], budget: float) -> list[Spec]:
        """Each arm that is trained for so long, with each seed; followed at its largest of several.

        Those that share a learning rate, of one strategy, come together: they are compared with each other.
        """
        last = self._last_budgets()
        several = len(self.told["budgets"]) > 1
        largest = {
            arm: max((b for b in self.told["budgets"] if b <= last[arm]), default=None)
            for arm in self.arms
        }
        return [
            self._cell(
                arm,
                seed=seed,
                budget=budget,
                lr=lrs[arm],
                split=self.split,
                follow=several and budget == largest[arm],
            )
            for tuner in self._tuners
            for seed in self.seeds
            for arm in self.arms
            if self._tuned_as[arm] == tuner and budget <= last[arm]
        ]

    def _cell(
        self, arm: str, *, seed: int, budget: float, lr: float, split: str, follow: bool = False
    ) -> Spec:
        steps, spent = self.lengths.length(arm, seed=seed, budget=budget)
        return {
            "kind": "cell",
            "label": f"{arm}, budget {budget}, seed {seed}, lr {lr}",
            "arm": arm,
            "budget": budget,
            "lr": lr,
            "seed": seed,
            "steps": steps,
            "spent": round(spent, 6),
            "split": split,
            "follow": follow,
            "subnets": {label: dict(a) for label, a in self.subnets.items()},
            "settings": self._arm_settings(arm, seed=seed, lr=lr, steps=steps),
        }

    # --- cost ----------------------------------------------------------------------------------

    def cost(self) -> Spec:
        """Time of steps, in units of the study's first arm, whether or not that is asked for."""
        settings = {arm: self._weighed(arm) for arm in dict.fromkeys([self._first, *self.arms])}
        return {"kind": "cost", "label": "all arms", "settings": settings, "rounds": 30}

    def memory(self) -> list[Spec]:
        return [
            {"kind": "memory", "label": arm, "arm": arm, "settings": self._weighed(arm)}
            for arm in self.arms
        ]

    def _weighed(self, arm: str) -> Settings:
        lr = min(self.told["learning_rates"])  # which makes a step neither slower nor larger
        return self._arm_settings(arm, seed=0, lr=lr, steps=1000)
