"""A made-up study of the gap, of any size, with all its files."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

ARMS = ("shared", "ofa", "few_shot", "mos_layer", "mos_neuron", "mip_hypernetwork", "hypernas")
README = """# {name}: a made-up study

**Question.** Over training compute, how far are inherited weights from those of subnets trained
alone?

<!-- report: gap -->
<!-- end -->

<!-- report: ranking -->
<!-- end -->
"""


def write_study(
    folder: Path,
    *,
    arms: tuple[str, ...] = ARMS,
    budgets: tuple[int, ...] = (1, 2, 4, 8),
    seeds: tuple[int, ...] = (0, 1, 2),
    num_subnets: int = 16,
    measure: str = "accuracy",
    beside: bool = True,
) -> Path:
    """Write results.csv, README.md and, if wanted, the files beside them."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    macs = np.sort(np.exp(rng.uniform(np.log(2e5), np.log(8e6), num_subnets)).round())
    alone = 0.86 + 0.025 * np.log(macs / 2e5) + rng.normal(0, 0.008, num_subnets)
    sign = 1.0 if measure == "accuracy" else -1.0
    names = ["smallest", *(f"random_{i}" for i in range(num_subnets - 2)), "largest"]
    known = [
        {
            "subnet": name,
            "architecture": json.dumps({"width": 8 * (1 + i % 4), "depth": 1 + i % 3}),
            "params": int(mac / 20),
            "macs": int(mac),
        }
        for i, (name, mac) in enumerate(zip(names, macs, strict=True))
    ]
    level = alone if measure == "accuracy" else 3.2 - 1.6 * alone
    trained = {seed: level + rng.normal(0, 0.004, num_subnets) for seed in seeds}
    results, runs, stability = [], [], []
    for number, arm in enumerate(arms):
        for budget in budgets:
            run = {"task": "bars", "arm": arm, "budget": budget, "lr": (0.003, 0.01)[number % 2]}
            run |= {"steps": 500 * budget, "train_flops": 3e12 * budget}
            quality = rng.normal(0, 0.006, num_subnets)
            for seed in seeds:
                gap = 0.055 / (1 + 0.35 * number) / budget**0.6 - 0.004 + 0.03 * (0.93 - alone)
                noise = rng.normal(0, 0.004, num_subnets) + quality
                found = trained[seed] - sign * gap + noise
                for subnet, value, reference in zip(known, found, trained[seed], strict=True):
                    row = {**run, "seed": seed, **subnet, "measure": measure}
                    row |= {"inherited": f"{value:.6f}", "standalone": f"{reference:.6f}"}
                    results.append(row)
                stored = 140_000 * (1 + number)
                runs.append({**run, "seed": seed, "stored": stored, "seconds": 60 * budget})
                for step in range(4):
                    for subnet, value in zip(names, found, strict=True):
                        late = value + rng.normal(0, 0.008)
                        stability.append(
                            {
                                **{key: run[key] for key in ("task", "arm", "budget")},
                                "seed": seed,
                                "step": 470 * budget + 10 * step,
                                "subnet": subnet,
                                "value": f"{late:.6f}",
                            }
                        )
    order = "task arm seed budget steps lr train_flops subnet architecture params macs measure"
    write(folder / "results.csv", results, f"{order} inherited standalone")
    (folder / "README.md").write_text(README.format(name=folder.name))
    if beside:
        write(folder / "runs.csv", runs, "task arm seed budget steps lr train_flops stored seconds")
        write(folder / "stability.csv", stability, "task arm seed budget step subnet value")
        _write_rest(folder, arms, budgets, seeds, known, level, measure)
    return folder


def _write_rest(folder, arms, budgets, seeds, known, level, measure) -> None:
    rng = np.random.default_rng(1)
    cost = [
        {
            "task": "bars",
            "arm": arm,
            "stored": 140_000 * (1 + number),
            "step_ratio": round(1 + 0.12 * number, 3),
            "peak_memory_mb": 180 + 25 * number,
        }
        for number, arm in enumerate(arms)
    ]
    tuning = [
        {"task": "bars", "arm": arm, "budget": budget, "lr": lr, "validation": 0.9 - abs(lr - 0.01)}
        for arm in arms
        for budget in budgets
        for lr in (0.003, 0.01, 0.03)
    ]
    references = [
        {
            "task": "bars",
            **subnet,
            "seed": seed,
            "steps": steps,
            "measure": measure,
            "value": f"{value + rng.normal(0, 0.004) + 0.001 * (steps > 500):.6f}",
        }
        for seed in seeds
        for i, (subnet, value) in enumerate(zip(known, level, strict=True))
        for steps in ((500, 1000) if i % 4 == 0 else (500,))
    ]
    write(folder / "cost.csv", cost, "task arm stored step_ratio peak_memory_mb")
    write(folder / "tuning.csv", tuning, "task arm budget lr validation")
    columns = "task subnet architecture params macs seed steps measure value"
    write(folder / "references.csv", references, columns)


def write(path: Path, rows: list[dict[str, Any]], columns: str) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=columns.split(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
