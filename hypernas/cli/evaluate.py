"""hypernas evaluate."""

import sys
from pathlib import Path

import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hypernas.cli.run_folder import configuration, reopen
from hypernas.cli.standalone import Standalone, measure_of, stratified, verdict
from hypernas.distributed.device import pick_device
from hypernas.evaluation import Evaluation, evaluate, mean, write_csv
from hypernas.sampling import sample_subnets


def evaluate_run(config: DictConfig) -> None:
    """Print, and write as CSV, what the subnets of a run cost and how good they are."""
    if config.split not in ("train", "validation", "test"):
        raise ValueError(f"split must be train, validation or test, got {config.split!r}.")
    if config.standalone and config.split == "train":
        raise ValueError("standalone=true compares on validation or test, got split=train.")
    for name, least in (("subnets", 0), ("calibration_batches", 1), ("seed", 0)):
        value = config[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be a whole number, {least} or more, got {value!r}.")
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    parts, state = reopen(config.run)
    out = Path(config.out or Path(config.run) / "evaluation.csv")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"out={out}: there is no folder {out.parent}.")
    parts.generator.to(pick_device(config.device))
    if config.standalone:
        alone = Standalone(
            parts,
            configuration(config.run),
            config.recipe,
            calibration_batches=config.calibration_batches,
            folder=config.references,
            device=config.device,
        )
        subnets = stratified(parts, config.subnets, seed=config.seed)
    else:
        subnets = sample_subnets(parts.space, config.subnets, seed=config.seed)
    found = list(
        track(
            evaluate(
                parts.generator,
                parts.data,
                subnets,
                objective=parts.objective,
                split=config.split,
                calibration_batches=config.calibration_batches,
            ),
            description="evaluating",
            total=len(subnets),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
    )
    console = Console() if sys.stdout.isatty() else Console(width=150)
    console.print(_table(found, f"{config.run}, step {state.step}, {config.split} split"))
    random = [evaluation for evaluation in found if evaluation.label.startswith("random")]
    if random:
        name = next(iter(found[0].calibrated))
        console.print(f"mean {name} of {len(random)} random subnets: {mean(random, name):.4f}")
    rows = [evaluation.row() for evaluation in found]
    if config.standalone:
        measure = measure_of(found[0])
        steps = alone.find_steps(subnets, measure, console)
        values = alone.train(subnets, steps=steps, split=config.split, measure=measure)
        console.print(verdict(found, values, measure), highlight=False, soft_wrap=True)
        for row, value in zip(rows, values.mean(0), strict=True):
            row[f"standalone_{measure.name}"] = float(value)
    write_csv(out, rows)
    console.print(f"written to {out}", highlight=False, soft_wrap=True)


def _table(evaluations: list[Evaluation], title: str) -> Table:
    table = Table(title=title, caption="MFLOPs of one example, 2 operations for each multiply-add")
    for name in ("subnet", "architecture"):
        table.add_column(name, overflow="fold")
    measure = next(iter(evaluations[0].calibrated))
    for name in ("parameters", "MFLOPs", f"inherited {measure}", f"calibrated {measure}"):
        table.add_column(name, justify="right")
    for evaluation in evaluations:
        table.add_row(
            evaluation.label,
            str(evaluation.architecture),
            f"{evaluation.num_parameters:,}",
            f"{evaluation.flops / 1e6:.3g}",
            f"{evaluation.inherited[measure]:.4f}",
            f"{evaluation.calibrated[measure]:.4f}",
        )
    return table
