"""What does a change of this library cost: steps and memory of one checkout over another's?

    python experiments/speed/versions.py --before FOLDER       FOLDER: a checkout of the earlier version

Each checkout runs in a process of its own, with one thread; rounds alternate between the two, and
which of them comes first. The processor's time of the process is compared, so that other processes
on the machine matter little. The interval is of the median of the rounds' ratios (bootstrap, 95 %).
Nothing is written.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from steps import GENERATORS, generator_step
from targets import tasks

HERE = Path(__file__).parent
ARMS = [("mlp", "shared"), ("mlp", "hypernas"), ("mlp", "mos_layer"), ("resnet20", "hypernas")]
STEPS = {"mlp": 40, "resnet20": 3}  # a round


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="checkout of the earlier version")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument(
        "--worker", nargs=2, metavar=("TARGET", "GENERATOR"), help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    if arguments.worker:
        work(*arguments.worker)
        return
    if arguments.before is None or not (arguments.before / "hypernas").is_dir():
        parser.error("--before: give the folder of a checkout, which holds hypernas/.")
    for target, generator in ARMS:
        compare(arguments.before.resolve(), target, generator, rounds=arguments.rounds)


def compare(before: Path, target: str, generator: str, *, rounds: int) -> None:
    """Print the ratio of this checkout's step over the earlier one's, and that of peak memory."""
    trees = [HERE.parent.parent.resolve(), before]
    workers = [_start(tree, target, generator) for tree in trees]
    ratios = []
    for i in range(rounds + 3):
        seconds = [0.0, 0.0]
        for k in (0, 1) if i % 2 else (1, 0):
            seconds[k] = _ask(workers[k], "step")
        if i >= 3:  # the first rounds build modules and fill memory
            ratios.append(seconds[0] / seconds[1])
    now, earlier = (_ask(worker, "memory") for worker in workers)
    for worker in workers:
        worker.stdin.close()
        worker.wait()
    draws = np.random.default_rng(0).choice(ratios, (2000, len(ratios)))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    print(
        f"{target} {generator}: step {np.median(ratios):.3f} [{low:.3f}, {high:.3f}] over {rounds} "
        f"rounds of {STEPS[target]} steps, peak memory {now / earlier:.3f}",
        flush=True,
    )


def _start(tree: Path, target: str, generator: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--worker", target, generator]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)


def _ask(worker: subprocess.Popen, what: str) -> float:
    worker.stdin.write(what + "\n")
    worker.stdin.flush()
    return json.loads(worker.stdout.readline())


def work(target: str, generator: str) -> None:
    """Answer each line of input: the processor's seconds of a round of steps, or peak memory."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    (task,) = [t for t in tasks(torch.device("cpu")) if t.name == target]
    space = task.make()
    rng = torch.Generator().manual_seed(0)
    architectures = list(dict.fromkeys(space.sample(rng) for _ in range(2000)))
    ready = generator_step(
        GENERATORS[generator](task.make()), architectures, task.inputs(torch.device("cpu"))
    )
    step = 0
    for line in sys.stdin:
        if line.strip() == "memory":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
            continue
        started = time.process_time()
        for _ in range(STEPS[target]):
            ready(step)()
            step += 1
        print(time.process_time() - started, flush=True)


if __name__ == "__main__":
    main()
