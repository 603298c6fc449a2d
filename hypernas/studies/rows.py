"""The rows of a study's CSV files, made of the results of its jobs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypernas.studies.jobs import Spec

Row = dict[str, Any]
Found = Sequence[tuple[Spec, Any]]  # jobs with their results


@dataclass(frozen=True)
class Rows:
    """Every file begins with the columns that tell which run or subnet a row is of.

    What diverged has no row, but in runs.csv, which tells so, and in tuning.csv, where it is nan.

    Attributes:
        task: name of the data.
        measure: of the results.
        split: on which subnets were measured.
        steps_alone: of stand-alone training; twice as many are for the plateau.
        unit: forward FLOPs of the largest subnet in a stand-alone training, an example a batch.
        subnets: label -> architecture (JSON), params, macs.
        tuned_by: the measure by which learning rates are chosen.
    """

    task: str
    measure: str
    split: str
    steps_alone: int
    unit: float
    subnets: Mapping[str, Row]
    tuned_by: str

    def tuning(self, trials: Found) -> list[Row]:
        """Mean validation measure of each arm and learning rate; nan if one training diverged."""
        values: dict[tuple[str, float, float], list[float]] = {}
        for spec, result in trials:
            found = values.setdefault((spec["arm"], spec["budget"], spec["lr"]), [])
            if spec["kind"] == "reference":
                found.append(math.nan if result is None else result["validation"][self.tuned_by])
            elif result["diverged"]:
                found.append(math.nan)
            else:
                found += [row["inherited"][self.tuned_by] for row in result["rows"]]
        return [
            {
                "task": self.task,
                "arm": arm,
                "budget": budget,
                "lr": lr,
                "measure": self.tuned_by,
                "validation": sum(found) / len(found),
            }
            for (arm, budget, lr), found in values.items()
        ]

    def references(self, found: Found) -> list[Row]:
        """Every stand-alone training of the seeds that are reported."""
        return [
            {
                "task": self.task,
                "subnet": spec["subnet"],
                **self.subnets[spec["subnet"]],
                "seed": spec["seed"],
                "steps": _steps(spec),
                "measure": self.measure,
                "value": result[self.split][self.measure],
                "lr": spec["lr"],
            }
            for spec, result in found
            if result is not None
        ]

    def results(self, found: Found, references: Sequence[Row]) -> list[Row]:
        """Every subnet of every cell beside its stand-alone training of the same seed."""
        results = [
            {
                **self._run(spec, result),
                "subnet": row["subnet"],
                "architecture": row["architecture"],
                "params": row["params"],
                "macs": row["macs"],
                "measure": self.measure,
                "inherited": row["inherited"][self.measure],
                "standalone": None,
            }
            for spec, result in found
            for row in result["rows"]
        ]
        return self.compared(results, references)

    def compared(self, results: Sequence[Row], references: Sequence[Row]) -> list[Row]:
        """Results beside these stand-alone trainings of the same subnet and seed; None beside none."""
        alone = {
            (row["subnet"], row["seed"]): row["value"]
            for row in references
            if row["steps"] == self.steps_alone
        }
        return [row | {"standalone": alone.get((row["subnet"], row["seed"]))} for row in results]

    def runs(self, found: Found) -> list[Row]:
        """Every cell."""
        return [
            {
                **self._run(spec, result),
                "spent": spec["spent"],
                "stored": result["stored"],
                "seconds": round(result["seconds"], 1),
                "diverged": result["diverged"],
            }
            for spec, result in found
        ]

    def stability(self, found: Found) -> list[Row]:
        """Every subnet on validation during the last half of the cells that were followed."""
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
            if not result["diverged"]
            for row in result["trajectory"]
        ]

    def cost(
        self, ratios: Sequence[Row], memory: Mapping[str, float], runs: Sequence[Row]
    ) -> list[Row]:
        """Every arm that was trained and weighed: parameters, time of a step, and memory."""
        stored = {row["arm"]: row["stored"] for row in runs if row["arm"] in memory}
        ratio = {row["arm"]: row["step_ratio"] for row in ratios}
        return [
            {
                "task": self.task,
                "arm": arm,
                "stored": stored[arm],
                "step_ratio": ratio[arm],
                "peak_memory_mb": memory[arm],
            }
            for arm in stored
        ]

    def _run(self, spec: Spec, result: Any) -> Row:
        return {
            "task": self.task,
            "arm": spec["arm"],
            "seed": spec["seed"],
            "budget": spec["budget"],
            "steps": spec["steps"],
            "lr": spec["lr"],
            "train_flops": spec["spent"] * self.unit * result["overhead"],
        }


def _steps(spec: Spec) -> int:
    """Of a stand-alone training."""
    return spec["settings"]["training"]["steps"]
