"""What does a change of this library save: the time of whole runs of `hypernas train` over that of another checkout's?

    python experiments/speed/builds.py --before FOLDER       FOLDER: a checkout of the earlier version

Every run is a process of its own with one thread, whose processor time is compared, setup and validation
included; runs of the two take turns, and so does which of them comes first. The rows go to results.csv.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from clock import Clock
from run import RESULTS, merged

from hypernas.evaluation import write_csv

HERE = Path(__file__).parent
RUNS = {  # name -> arguments; steps are a fraction of the default's
    "default": ("training.steps=600",),
    "vit": ("space=vit", "training.steps=60"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--before", type=Path, required=True, help="checkout of the earlier version"
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=RUNS, help="one of the runs; the other's row stays")
    arguments = parser.parse_args()
    trees = [HERE.parent.parent.resolve(), arguments.before.resolve()]
    clock = Clock(torch.device("cpu"))
    for name in [arguments.only] if arguments.only else RUNS:
        for tree in trees:
            _seconds(tree, "training.steps=5")  # compiles and caches what is compiled and cached
        ratios = []
        for i in range(arguments.rounds):
            seconds = [0.0, 0.0]
            for k in (0, 1) if i % 2 else (1, 0):
                seconds[k] = _seconds(trees[k], *RUNS[name])
            print(f"{name}: {seconds[0]:.1f} s, before {seconds[1]:.1f} s", flush=True)
            ratios.append(seconds[0] / seconds[1])
        clock.add("train_over_before", name, "hypernas", ratios)
    write_csv(RESULTS, merged(clock.rows))


def _seconds(tree: Path, *arguments: str) -> float:
    """The processor's seconds of one run, in its own code and in the system's."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        code = "from hypernas.cli.main import main; main()"
        given = ("train", *arguments, "threads=1", "device=cpu", f"hydra.run.dir={folder}/run")
        command = [sys.executable, "-c", code, *given]
        subprocess.run(command, check=True, env=environment, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
