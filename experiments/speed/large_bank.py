"""The peak memory of a step with a bank of 210 million numbers: fused, and as torch takes it."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable

import torch
from clock import Clock
from steps import HYPERNAS, generator_step, training_step
from torch import nn

from hypernas import SearchSpace
from hypernas.studies import measure_memory

NUM_LAYERS, WIDTH, BATCH = 8, 2560, 4
PATHS = ("fused", "torch")


def _space(width: int) -> SearchSpace:
    def build(architecture) -> nn.Module:
        part = architecture["width"]
        return nn.Sequential(*(nn.Linear(part, part, bias=False) for _ in range(NUM_LAYERS)))

    return SearchSpace({"width": [width]}, build, inputs=torch.zeros(1, width))


COUNTS = {"resident": "hypernas, fused", "tensors": "hypernas, fused, by torch"}  # and their arms


def large_bank(clock: Clock, *, repeats: int = 3) -> None:
    """(g) Parameters, moments, gradients, weights and activations: all that is above an idle process.

    By what the system counts as resident (`resource`), and by torch, as bytes of tensors that there are at once.
    """
    for count, arm in COUNTS.items():
        found = {path: [_measured(path, count) for _ in range(repeats)] for path in PATHS}
        ratios = [a / b for a, b in zip(found["fused"], found["torch"], strict=True)]
        clock.add("memory_over_torch", "210 million numbers", arm, ratios)


def _measured(arm: str, count: str) -> float:
    """Megabytes, of an arm in a process of its own."""
    command = [sys.executable, __file__, arm, count]
    # what is freed goes back to the system at once: then memory held is memory used
    exact = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
    environment = {**os.environ, **exact}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])


def main(arm: str, count: str) -> float:
    torch.set_num_threads(1)

    def make(width: int = WIDTH) -> Callable[[int], None]:
        space, inputs = _space(width), torch.randn(BATCH, width)
        generator, largest = HYPERNAS(space), [space.largest()]
        if arm == "torch":
            ready = generator_step(generator, largest, inputs, clip=True)
        else:
            path, ready = training_step(generator, largest, inputs)
            if path != arm:
                raise SystemExit(f"expected the path {arm}, got {path}")
        return lambda i: ready(i)()

    if count == "tensors":
        step = make()
        step(0)  # makes the moments
        return (_held() + _peak(lambda: step(1))) / 2**20
    make(16)(0)  # loads the code that is used
    return measure_memory(make, device=torch.device("cpu"), steps=2)


def _held() -> int:
    """Bytes of the tensors that there are."""
    kinds = (torch.Tensor, torch.nn.Parameter)
    storages = (t.untyped_storage() for t in gc.get_objects() if type(t) in kinds)
    return sum({s.data_ptr(): s.nbytes() for s in storages}.values())


def _peak(work: Callable[[], None]) -> int:
    """Bytes that torch asks for during some work, less those it gives back: the most at once."""
    with torch.profiler.profile(profile_memory=True) as profile:
        work()
    held = most = 0
    for event in sorted(profile.profiler.kineto_results.events(), key=lambda e: e.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
