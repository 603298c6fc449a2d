"""Does `hypernas` fail under sandwiches at the rate that all generators took in gap_translation_short, or as it is?

    python experiments/gap_translation_rates/run.py     train at the smaller rate, and write results.csv

The rows of the other arms, and stand-alone training, are those of gap_translation_short.
"""

import argparse
import csv
import sys
from pathlib import Path

import torch

import hypernas
from hypernas.evaluation import write_csv
from hypernas.evaluation.translations import score, translations
from hypernas.space import Architecture
from hypernas.training import checkpoint

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "translation_front"))
import setting  # noqa: E402

ARM, RATE, BESIDE = "hypernas.sandwich", 0.004, ("shared.sandwich", "mos_neuron.sandwich")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work", help="what is kept meanwhile")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with (HERE.parent / setting.STUDY / "results.csv").open(newline="") as file:
        before = [row for row in csv.DictReader(file) if float(row["budget"]) == setting.BUDGET]
    rows = [row for row in before if row["arm"] in BESIDE]
    for seed in (0, 1, 2):
        own = [row for row in before if (row["arm"], row["seed"]) == (ARM, str(seed))]
        folder = given.work / f"{seed}-{RATE}"
        told = [
            *setting.overrides(ARM, seed=seed),
            f"optimizer.lr={RATE}",
            "callbacks.validation.num_subnets=0",
            "callbacks.validation.every=100000",
            "threads=1",
            "device=cpu",
        ]
        begun = bool(checkpoint.saved(folder / "checkpoints"))
        run = hypernas.train(setting.settings(told), folder, resume=begun)
        sentences = run.data.sentences["test"][: run.objective.num]
        for row in own:
            model = run.generator.export(Architecture.from_json(row["architecture"]))
            texts = translations(model, run.data, [one.source for one in sentences])
            rows.append(row | {"lr": RATE, "inherited": score(texts, sentences).bleu})
        print(seed, [round(float(row["inherited"]), 2) for row in rows[-len(own) :]], flush=True)
    write_csv(HERE / "results.csv", rows)


if __name__ == "__main__":
    main()
