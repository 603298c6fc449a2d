"""Three sizes of a trained sentence encoder, and how near each is to it.

    python experiments/sentence_encoder/run.py --text FOLDER --tatoeba FOLDER      everything; writes results.csv, costs.csv
    python experiments/sentence_encoder/run.py --text FOLDER --arms hypernas_three one arm; writes work/results.csv
    python experiments/sentence_encoder/run.py --text FOLDER --quick               a few steps, to see that it works
    hypernas report experiments/sentence_encoder --trust                           make the tables

Each (arm, seed) is trained in a process of its own with one thread. What is finished is kept in the work
folder, so that the same command goes on where it was stopped. See README.md.
"""

import argparse
import csv
import itertools
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import encoder
import text
import torch
import transformers
from arms import ARMS
from costs import costs
from fidelity import fidelity
from rich.progress import track
from safetensors.torch import load_file, save_file

from hypernas import generators
from hypernas.data import Data
from hypernas.evaluation import write_csv
from hypernas.exports import export_file

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)
STEPS = 200
HANDED_OUT = "hypernas_three"  # whose sizes, of the first seed


@dataclass(frozen=True)
class Job:
    """One training, or one start that is only cut."""

    arm: str
    seed: int
    steps: int
    text: Path
    tatoeba: Path | None
    work: Path

    @property
    def name(self) -> str:
        return f"{self.arm}_seed_{self.seed}_steps_{self.steps}"

    @property
    def rows(self) -> Path:
        return self.work / f"{self.name}.csv"

    @property
    def weights(self) -> Path:
        return self.work / f"{self.name}.safetensors"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, required=True, help="folder of WikiText-2")
    parser.add_argument(
        "--tatoeba", type=Path, help="folder of English-Spanish pairs, for one more test"
    )
    parser.add_argument("--work", type=Path, default=HERE / "work", help="what is kept meanwhile")
    parser.add_argument("--arms", default=",".join(ARMS), help="by commas")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="two steps of one seed")
    given = parser.parse_args()
    names = given.arms.split(",")
    if unknown := set(names) - set(ARMS):
        parser.error(f"no such arms: {sorted(unknown)}; there are {list(ARMS)}")
    torch.set_num_threads(1)
    given.work.mkdir(parents=True, exist_ok=True)
    steps = 2 if given.quick else given.steps
    jobs = [
        Job(arm, seed, steps, given.text, given.tatoeba, given.work)
        for seed, arm in itertools.product(SEEDS[:1] if given.quick else SEEDS, names)
        if ARMS[arm].lr or seed == 0  # nothing is random where nothing is trained
    ]
    jobs.sort(key=lambda job: len(ARMS[job.arm].sizes) == 1)  # stand-alone trainings come last
    prepare(jobs[0])
    finish(jobs, given.processes)
    hand_out(next((job for job in jobs if job.arm == HANDED_OUT), jobs[0]))
    whole = not given.quick and set(names) == set(ARMS)
    place = HERE if whole else given.work
    write_csv(place / "results.csv", [row for job in jobs for row in written(job)])
    if whole:
        write_csv(place / "costs.csv", costs())


def prepare(job: Job) -> None:
    """Keep what all jobs read: the embeddings of all sentences, and the channels put in order."""
    data, _ = read(job)
    start = job.work / "start.safetensors"
    if not start.is_file():
        batches = [text.collate([data.train[i] for i in range(j, j + 16)]) for j in (0, 16, 32, 48)]
        ordered = generators.ordered(
            encoder.space(),
            encoder.start(),
            inputs=encoder.example(),
            by="activation",
            batches=batches,
        )
        print(ordered)
        save_file({name: tensor.contiguous() for name, tensor in ordered.state.items()}, start)


def read(job: Job) -> tuple[Data, dict[str, text.Sentences]]:
    """The data, and the sentences of each test by its name."""
    teacher = encoder.teacher()
    data = text.wikitext(teacher, job.text, job.work)
    tests = {"wikitext2": data.test}
    if job.tatoeba is not None:
        tests["tatoeba"] = text.tatoeba(teacher, job.tatoeba, job.work)
    return data, tests


def finish(jobs: list[Job], processes: int) -> None:
    """Do what is not done yet."""
    left = [job for job in jobs if not job.rows.is_file()]
    print(f"{len(jobs) - len(left)} of {len(jobs)} trainings are done")
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(train, job): job for job in left}
        done: Iterable = as_completed(running)
        for future in track(done, total=len(left), description="trainings"):
            print(f"{running[future].name}: {future.result()}", flush=True)


def train(job: Job) -> str:
    """Train, and write weights and measures; returns what to say."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    data, tests = read(job)
    arm = ARMS[job.arm]
    begun = time.process_time()
    generator = arm.train(
        load_file(job.work / "start.safetensors"), data, seed=job.seed, steps=job.steps
    )
    seconds = time.process_time() - begun
    sizes = dict(arm.sizes)
    if len(sizes) > 1:
        sizes["full"] = generator.space.largest()
    rows = []
    for size, architecture in sizes.items():
        module = generator.export(architecture)
        for name, sentences in tests.items():
            measured = {key: round(value, 5) for key, value in fidelity(module, sentences).items()}
            head = {
                "arm": job.arm,
                "seed": job.seed,
                "steps": job.steps,
                "cpu_seconds": round(seconds),
            }
            rows.append({**head, "size": size, "text": name, **measured})
    save_file({n: t.contiguous() for n, t in generator.state_dict().items()}, job.weights)
    write_csv(job.rows, rows)
    return f"{seconds:.0f} s of CPU, " + ", ".join(
        f"{row['size']} {row['cosine']:.3f}" for row in rows if row["text"] == "wikitext2"
    )


def written(job: Job) -> list[dict[str, str]]:
    with job.rows.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def hand_out(job: Job) -> None:
    """Write the three sizes of a trained generator as folders that `SentenceBert.from_pretrained` reads."""
    arm = ARMS[job.arm]
    generator = arm.make(load_file(job.work / "start.safetensors"), job.seed)
    generator.load_state_dict(load_file(job.weights))
    generator.eval()
    inputs = encoder.example()
    for size, architecture in arm.sizes.items():
        written = export_file(
            generator, architecture, job.work / size, inputs=inputs, overwrite=True
        )
        print(f"{size}: {written.path}, {written.difference:.1e} from what the generator computes")


if __name__ == "__main__":
    main()
