"""Which supernet's inherited weights translate best within how many milliseconds?

    python experiments/translation_front/run.py export      graphs of the sample, some seconds each
    python experiments/translation_front/run.py latency     latency.csv; on an idle machine, some minutes
    python experiments/translation_front/run.py train       supernets, with `--seeds 0 1 2`
    python experiments/translation_front/run.py judge       results.csv: BLEU on validation of the sample by every supernet
    python experiments/translation_front/run.py sentence    sentence.csv: one by decoders of one, two and three layers; on an idle machine
    python experiments/translation_front/run.py front       chosen.csv, differences.csv: BLEU on test of what is chosen
    hypernas report experiments/translation_front --trust --overwrite      the tables and the figure

HYPERNAS_TRANSLATION is the folder of the pairs. What is done is kept in the work folder, and not done again; the order of
`latency` and `train` does not matter. See README.md.
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import setting
import torch

import hypernas
from hypernas.cost import num_parameters
from hypernas.evaluation import write_csv
from hypernas.evaluation.translations import score, translations
from hypernas.latency.machine import Load
from hypernas.runs.load import Run
from hypernas.training import checkpoint

HERE = Path(__file__).parent
PARTS = ("export", "latency", "train", "judge", "sentence", "front")
SHOWN, SENTENCE = "hypernas.single", "Where is the station?"


def run_folder(work: Path, arm: str, seed: int) -> Path:
    return work / "runs" / f"{arm}-{seed}"


def train(work: Path, arms: Sequence[str], seeds: Sequence[int]) -> None:
    """Train the supernets that are missing, or go on with what was begun."""
    for seed in seeds:
        for arm in arms:
            folder = run_folder(work, arm, seed)
            given = [
                *setting.overrides(arm, seed=seed),
                "callbacks.validation.num_subnets=0",
                "callbacks.validation.every=100000",
                "threads=1",
                "device=cpu",
            ]
            begun = bool(checkpoint.saved(folder / "checkpoints"))
            run = hypernas.train(setting.settings(given), folder, resume=begun, overrides=given)
            print(f"{arm}, seed {seed}: {run.step} steps", flush=True)


def judge(work: Path, arms: Sequence[str], seeds: Sequence[int]) -> None:
    """Write BLEU of each of the sample by each supernet that is there, the rows that are there kept."""
    path = HERE / "results.csv"
    rows = list(csv.DictReader(path.open(newline=""))) if path.exists() else []
    done = {(row["arm"], row["seed"]) for row in rows}
    for seed in seeds:
        for arm in arms:
            folder = run_folder(work, arm, seed)
            if (arm, str(seed)) in done or not checkpoint.saved(folder / "checkpoints"):
                continue
            run = hypernas.load(folder)
            if run.settings and run.step == run.settings["training"]["steps"]:
                rows += judged(run, arm, seed)
                write_csv(path, rows)
                print(f"{arm}, seed {seed}", flush=True)


def judged(run: Run, arm: str, seed: int) -> Iterator[dict[str, Any]]:
    """Rows: BLEU on validation, of as many sentences as the objective of a search reads."""
    sentences = run.data.sentences["validation"][: run.objective.num]
    for label, architecture in setting.sample(run.space).items():
        model = run.generator.export(architecture)
        found = score(translations(model, run.data, [s.source for s in sentences]), sentences)
        yield {
            "arm": arm,
            "seed": seed,
            "steps": run.step,
            "subnet": label,
            "architecture": architecture.to_json(),
            "parameters": num_parameters(model),
            "sentences": found.num,
            "bleu": round(found.bleu, 4),
            "bleu_signature": found.signatures[0],
        }


def sentence(work: Path) -> Iterator[dict[str, Any]]:
    """Rows: a sentence as `hypernas translate` gives it, by subnets that differ in their decoders' layers alone."""
    run, watch = hypernas.load(run_folder(work, SHOWN, 0)), Load()
    for layers in run.space.choices["decoder_depth"].values:
        watch.start()
        described = {"like": "largest", "decoder_depth": layers}
        options = {"architectures": [described], "beam": 1, "device": "cpu"}
        (found,) = hypernas.translate(run, SENTENCE, **options)
        yield {
            "arm": SHOWN,
            "layers": layers,
            "parameters": found.num_parameters,
            "source": SENTENCE,
            "written": found.texts[0],
            "ms": round(found.milliseconds, 3),
            "others": round(watch.others(), 3),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--work", type=Path, default=HERE / "work", help="what is kept meanwhile")
    parser.add_argument("--arms", nargs="+", default=setting.ARMS, choices=setting.ARMS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--processes", type=int, default=1, help="that export")
    parser.add_argument("--seconds", type=float, default=45.0, help="of each pass over the sample")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.part in ("export", "latency"):
        import decoders

        sample, graphs = setting.sample(setting.space()), given.work / "graphs"
        decoders.export(sample, graphs, processes=given.processes)
        if given.part == "latency":
            rows = list(decoders.latencies(sample, graphs, seconds=given.seconds))
            write_csv(HERE / "latency.csv", rows)
    elif given.part == "train":
        train(given.work, given.arms, given.seeds)
    elif given.part == "judge":
        judge(given.work, given.arms, given.seeds)
    elif given.part == "sentence":
        write_csv(HERE / "sentence.csv", list(sentence(given.work)))
    else:
        import fronts

        fronts.write(
            HERE,
            lambda arm, seed: hypernas.load(run_folder(given.work, arm, seed)),
            given.work / "test",
        )


if __name__ == "__main__":
    main()
