"""hypernas study."""

from pathlib import Path
from typing import Any

from hydra import compose
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from hypernas.cli.jobs import Jobs, Spec
from hypernas.cli.study_work import Settings, parts_of, work
from hypernas.cost import flops
from hypernas.evaluation import write_csv
from hypernas.sampling import stratified_subnets
from hypernas.study import Budget

Row = dict[str, Any]
ALONE = "standalone"  # the arm of stand-alone training, in tuning.csv


def study(config: DictConfig) -> None:
    """Run what is missing of a study, and write its CSV files."""
    plan = Plan(config)
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    console.print(plan.text(), highlight=False, soft_wrap=True)
    with Jobs(work, Path(config.work), workers=config.workers, console=console) as jobs:
        trials = plan.alone_trials()
        tuning = plan.tuning_rows(trials, jobs.run("tuning stand-alone training", trials))
        lrs = plan.best(tuning)
        alone = plan.alone(lrs[ALONE])
        references = dict(
            zip(map(_key, alone), jobs.run("stand-alone training", alone), strict=True)
        )
        write_csv(out / "references.csv", plan.reference_rows(references))

        trials = plan.trials()
        tuning += plan.tuning_rows(trials, jobs.run("tuning", trials))
        lrs = plan.best(tuning)
        write_csv(out / "tuning.csv", tuning)

        for budget in plan.budgets:  # what there is can be looked at while the rest is computed
            cells = [cell for b in plan.budgets if b <= budget for cell in plan.cells(lrs, b)]
            found = list(zip(cells, jobs.run("training", cells), strict=True))
            write_csv(out / "results.csv", plan.result_rows(found, references))
            write_csv(out / "runs.csv", plan.run_rows(found))
            if rows := plan.stability_rows(found):
                write_csv(out / "stability.csv", rows)

        (costs,) = jobs.run("cost of a step", [plan.cost(lrs)], alone=True)
        write_csv(out / "cost.csv", plan.cost_rows(costs, found))
        console.print(f"written to {out}", highlight=False, soft_wrap=True)


class Plan:
    """What a study consists of: its jobs, and the rows that their results make."""

    def __init__(self, config: DictConfig) -> None:
        told = OmegaConf.to_container(config.study, resolve=True)
        assert isinstance(told, dict)
        scales = told.pop("scales")
        if config.scale not in scales:
            raise ValueError(f"scale must be one of {list(scales)}, got {config.scale!r}.")
        scale = dict(scales[config.scale])
        told["settings"] = told["settings"] + scale.pop("settings", [])
        told |= scale
        self.name, self.measure = told["name"], told["measure"]
        self.arms: dict[str, list[str]] = told["arms"]
        if config.arms is not None:
            unknown = [arm for arm in config.arms if arm not in self.arms]
            if unknown:
                raise ValueError(
                    f"arms: there is no {unknown}, expected some of {list(self.arms)}."
                )
            self.arms = {arm: self.arms[arm] for arm in config.arms}
        self.seeds = list(config.seeds if config.seeds is not None else told["seeds"])
        self.budgets = sorted(config.budgets if config.budgets is not None else told["budgets"])
        self.told, self.split, self.device = told, config.split, config.device
        self.cache = str(Path(config.work) / "references")
        self.steps_alone = told["reference_steps"]

        settings = self._settings(told["supernet"], seed=0, lr=0.01, steps=1)
        parts = parts_of(settings)
        inputs = parts.data.example(num=1)
        self.subnets = stratified_subnets(
            parts.space,
            told["subnets"],
            cost=lambda architecture: flops(parts.space.build(architecture), inputs),
            seed=0,
            pool=max(100, 4 * told["subnets"]),
        )
        self.task = parts.data.name
        self.budget = Budget.of(
            parts.space,
            parts.data,
            instantiate(settings["sampling"]),
            reference_steps=self.steps_alone,
        )

    def text(self) -> str:
        steps = {budget: self.budget.steps(budget) for budget in self.budgets}
        return (
            f"{self.name} on {self.task}: {len(self.arms)} arms, seeds {self.seeds}, "
            f"{len(self.subnets)} subnets, steps by budget {steps}, {self.steps_alone} alone"
        )

    def _settings(self, arm: list[str], *, seed: int, lr: float, steps: int) -> Settings:
        """A whole configuration of `hypernas train`."""
        overrides = [*self.told["settings"], *arm, f"seed={seed}", f"device={self.device}"]
        overrides += [f"training.steps={steps}", f"optimizer.lr={lr}"]
        composed = OmegaConf.to_container(compose("train", overrides=overrides), resolve=True)
        assert isinstance(composed, dict)
        return {str(key): value for key, value in composed.items()}

    # --- jobs --------------------------------------------------------------------------------

    def _alone(self, label: str, *, seed: int, lr: float, steps: int) -> Spec:
        alone = ["generator=standalone", "sampling=fixed", *self.told["recipe"]]
        return {
            "kind": "reference",
            "label": f"{label}, seed {seed}, lr {lr}, {steps} steps",
            "arm": ALONE,
            "budget": steps / self.steps_alone,
            "lr": lr,
            "seed": seed,
            "subnet": label,
            "architecture": dict(self.subnets[label]),
            "settings": self._settings(alone, seed=seed, lr=lr, steps=steps),
            "cache": self.cache,
        }

    def alone_trials(self) -> list[Spec]:
        seed = self.told["tuning_seed"]
        some = self._some(self.told["plateau_subnets"])
        return [
            self._alone(label, seed=seed, lr=lr, steps=self.steps_alone)
            for lr in self.told["learning_rates"]
            for label in some
        ]

    def alone(self, lr: float) -> list[Spec]:
        """Each subnet with each seed, and some for twice as long, to see the plateau."""
        once = [
            self._alone(label, seed=seed, lr=lr, steps=self.steps_alone)
            for seed in self.seeds
            for label in self.subnets
        ]
        twice = [
            self._alone(label, seed=seed, lr=lr, steps=2 * self.steps_alone)
            for seed in self.seeds
            for label in self._some(self.told["plateau_subnets"])
        ]
        return once + twice

    def _some(self, num: int) -> list[str]:
        labels = list(self.subnets)
        return [labels[int((i + 0.5) * len(labels) / num)] for i in range(num)]

    def _cell(
        self, arm: str, *, seed: int, budget: float, lr: float, split: str, follow: bool = False
    ) -> Spec:
        steps = self.budget.steps(budget)
        return {
            "kind": "cell",
            "label": f"{arm}, budget {budget}, seed {seed}, lr {lr}",
            "arm": arm,
            "budget": budget,
            "lr": lr,
            "seed": seed,
            "steps": steps,
            "split": split,
            "follow": follow,
            "subnets": {label: dict(a) for label, a in self.subnets.items()},
            "settings": self._settings(
                [*self.told["supernet"], *self.arms[arm]], seed=seed, lr=lr, steps=steps
            ),
        }

    def trials(self) -> list[Spec]:
        return [
            self._cell(
                arm,
                seed=self.told["tuning_seed"],
                budget=self.told["tuning_budget"],
                lr=lr,
                split="validation",
            )
            for arm in self.arms
            for lr in self.told["learning_rates"]
        ]

    def cells(self, lrs: dict[str, float], budget: float) -> list[Spec]:
        follow = budget == max(self.told["budgets"])
        return [
            self._cell(arm, seed=seed, budget=budget, lr=lrs[arm], split=self.split, follow=follow)
            for seed in self.seeds
            for arm in self.arms
            if budget <= self.told["last_budget"].get(arm, budget)
        ]

    def cost(self, lrs: dict[str, float]) -> Spec:
        settings = {
            arm: self._settings([*self.told["supernet"], *added], seed=0, lr=lrs[arm], steps=1000)
            for arm, added in self.arms.items()
        }
        return {"kind": "cost", "label": "all arms", "settings": settings, "rounds": 30}

    # --- rows --------------------------------------------------------------------------------

    def tuning_rows(self, trials: list[Spec], results: list[Any]) -> list[Row]:
        """Mean validation measure of each arm and learning rate; nan where training diverged."""
        values: dict[tuple[str, float, float], list[float]] = {}
        for spec, result in zip(trials, results, strict=True):
            key = (spec["arm"], spec["budget"], spec["lr"])
            found = values.setdefault(key, [])
            if spec["kind"] == "reference":
                found.append(result["validation"][self.measure])
            else:
                found += [row["inherited"][self.measure] for row in result["rows"]]
        return [
            {
                "task": self.task,
                "arm": arm,
                "budget": budget,
                "lr": lr,
                "validation": sum(found) / len(found) if found else float("nan"),
            }
            for (arm, budget, lr), found in values.items()
        ]

    def best(self, tuning: list[Row]) -> dict[str, float]:
        """The learning rate of the best validation measure, by arm."""
        sign = -1 if self.measure == "cross_entropy" else 1
        chosen: dict[str, Row] = {}
        for row in tuning:
            if row["validation"] != row["validation"]:
                continue
            other = chosen.get(row["arm"])
            if other is None or sign * row["validation"] > sign * other["validation"]:
                chosen[row["arm"]] = row
        return {arm: row["lr"] for arm, row in chosen.items()}

    def reference_rows(self, references: dict[tuple[str, int, int], Any]) -> list[Row]:
        return [
            {
                "task": self.task,
                "subnet": label,
                "architecture": self.subnets[label].to_json(),
                "seed": seed,
                "steps": steps,
                "measure": self.measure,
                "value": result[self.split][self.measure],
            }
            for (label, seed, steps), result in references.items()
        ]

    def result_rows(
        self, found: list[tuple[Spec, Any]], references: dict[tuple[str, int, int], Any]
    ) -> list[Row]:
        rows = []
        for spec, result in found:
            for row in result["rows"]:
                alone = references[row["subnet"], spec["seed"], self.steps_alone]
                rows.append(
                    {
                        **self._run(spec, result),
                        "subnet": row["subnet"],
                        "architecture": row["architecture"],
                        "params": row["params"],
                        "macs": row["macs"],
                        "measure": self.measure,
                        "inherited": row["inherited"][self.measure],
                        "standalone": alone[self.split][self.measure],
                    }
                )
        return rows

    def _run(self, spec: Spec, result: Any) -> Row:
        return {
            "task": self.task,
            "arm": spec["arm"],
            "seed": spec["seed"],
            "budget": spec["budget"],
            "steps": spec["steps"],
            "lr": spec["lr"],
            "train_flops": result["train_flops"],
        }

    def run_rows(self, found: list[tuple[Spec, Any]]) -> list[Row]:
        return [
            {
                **self._run(spec, result),
                "stored": result["stored"],
                "seconds": round(result["seconds"], 1),
                "diverged": result["diverged"],
            }
            for spec, result in found
        ]

    def stability_rows(self, found: list[tuple[Spec, Any]]) -> list[Row]:
        return [
            {
                "task": self.task,
                "arm": spec["arm"],
                "seed": spec["seed"],
                "budget": spec["budget"],
                "step": row["step"],
                "subnet": row["subnet"],
                "value": row["value"][self.measure],
            }
            for spec, result in found
            for row in result["trajectory"]
        ]

    def cost_rows(self, costs: list[Row], found: list[tuple[Spec, Any]]) -> list[Row]:
        stored = {spec["arm"]: result["stored"] for spec, result in found}
        return [{"task": self.task, "stored": stored[row["arm"]], **row} for row in costs]


def _key(spec: Spec) -> tuple[str, int, int]:
    """Of a stand-alone training: subnet, seed, steps."""
    return spec["subnet"], spec["seed"], spec["settings"]["training"]["steps"]
