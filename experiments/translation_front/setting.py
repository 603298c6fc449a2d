"""The setting of gap_translation_short: its space, a sample of it, and the trainings whose supernets are compared."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from hypernas.runs.config_files import configs
from hypernas.space import Architecture, SearchSpace

HERE = Path(__file__).parent
STUDY = "gap_translation_short"
ARMS = ("shared.single", "shared.sandwich", "mos_neuron.sandwich", "hypernas.single")
BASELINE = ARMS[0]  # HAT's
BUDGET = 1.0  # stand-alone trainings of the largest subnet
LENGTH, VOCABULARY = 14, 2000  # symbols, as in the study
EACH = 16  # architectures of each number of decoder layers, which latency depends on more than on all else


def overrides(arm: str | None = None, *, seed: int = 0) -> list[str]:
    """The settings of `hypernas train` for an arm, steps and rate those of the study; None for what all have."""
    told = _study()
    found = list(told["settings"])
    if arm is None:
        return found
    generator, strategy = arm.split(".")
    crossed, length = told["crossed"], _training(arm, seed)
    return [
        *found,
        *told["supernet"],
        *crossed["generators"][generator],
        *crossed["strategies"][strategy],
        f"seed={seed}",
        f"optimizer.lr={length['lr']}",
        f"training.steps={length['steps']}",
    ]


def settings(given: Sequence[str]) -> dict[str, Any]:
    """Whole settings of a training, of overrides of a command line."""
    with initialize_config_dir(str(configs()), version_base="1.3"):
        config: Any = compose("train", overrides=list(given))
    found: Any = OmegaConf.to_container(config, resolve=True)
    del found["trust"]
    return found


def space() -> SearchSpace:
    given = overrides()
    with initialize_config_dir(str(configs()), version_base="1.3"):
        made = instantiate(compose("train", overrides=given).space)
    return made(input_shape=(LENGTH,), num_classes=VOCABULARY)


def sample(own: SearchSpace) -> dict[str, Architecture]:
    """Random architectures by label, as many with each number of decoder layers, smallest and largest among them."""
    rng = torch.Generator().manual_seed(0)
    depths: Sequence[int] = own.choices["decoder_depth"].values
    found: dict[int, dict[Architecture, None]] = {depth: {} for depth in depths}
    for end in (own.smallest(), own.largest()):
        found[end["decoder_depth"]][end] = None
    while any(len(some) < EACH for some in found.values()):
        drawn = own.sample(rng)
        some = found[drawn["decoder_depth"]]
        if len(some) < EACH:
            some[drawn] = None
    return {f"layers_{d}_{i:02}": a for d, some in found.items() for i, a in enumerate(some)}


def _study() -> Mapping[str, Any]:
    with initialize_config_dir(str(configs()), version_base="1.3"):
        told: Any = compose("study", overrides=[f"study={STUDY}"]).study
    return dict(told)


def _training(arm: str, seed: int) -> Mapping[str, str]:
    """The row of the run of an arm that spent the budget."""
    with (HERE.parent / STUDY / "runs.csv").open(newline="") as file:
        own = [row for row in csv.DictReader(file) if row["arm"] == arm]
    at = [row for row in own if float(row["budget"]) == BUDGET and int(row["seed"]) == seed]
    if not at:
        raise ValueError(
            f"{STUDY}/runs.csv has no run of {arm} with seed {seed} at a budget of {BUDGET:g}."
        )
    return at[0]
