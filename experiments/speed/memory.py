"""The memory of a step: what generation adds to bank, gradients, optimizer and the plain step."""

import os
import subprocess
import sys
from collections.abc import Sequence

import torch
from clock import Clock
from steps import HYPERNAS, generator_step, plain_step
from torch import nn

from hypernas import SearchSpace, generators
from hypernas.studies import measure_memory

NUM_LAYERS, WIDTH, BATCH = 8, 1024, 32
MB = 2**20


def _build(architecture) -> nn.Module:
    part = architecture["width"]
    return nn.Sequential(*(nn.Linear(part, part) for _ in range(NUM_LAYERS)))


def space_of() -> SearchSpace:
    return SearchSpace({"width": [WIDTH * 3 // 4, WIDTH]}, _build)


def memory(
    clock: Clock, *, sizes: Sequence[str] = ("largest", "smallest"), repeats: int = 3
) -> None:
    """(4) Of each arm in a process of its own: what it takes above all that it must hold.

    In units of the weights of the subnet: those of the bank, their gradients and two moments are
    taken off, and of the plain step its own; what is left of that are activations and the gradients
    of its weights.
    """
    for size in sizes:
        for arm in ("shared", "hypernas"):
            found = [measured(arm, size, clock.device) for _ in range(repeats)]
            plain = [measured("plain", size, clock.device) for _ in range(repeats)]
            ratios = [(a - b) for a, b in zip(found, plain, strict=True)]
            clock.add("memory_over_subnet", f"{NUM_LAYERS} layers, {size}", arm, ratios)


def measured(arm: str, size: str, device: torch.device) -> float:
    """What an arm takes beside parameters, their gradients and moments, in units of the subnet."""
    command = [sys.executable, __file__, arm, size, device.type]
    # what is freed goes back to the system at once: then memory held is memory used
    exact = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **exact}
    )
    return float(done.stdout.split()[-1])


def main(arm: str, size: str, device: torch.device) -> float:
    torch.set_num_threads(1)
    space = space_of()
    architecture = space.named(size)
    subnet = sum(p.numel() for p in space.build(architecture).parameters()) * 4 / MB
    width = architecture["width"]
    kept = 0.0

    def make():
        nonlocal kept
        inputs = torch.randn(BATCH, width, device=device)
        if arm == "plain":
            kept = 3 * subnet  # parameters, moments; its gradients are those of the weights
            work = plain_step(space, [architecture], inputs)(0)
            return lambda i: work()
        generator = {"shared": generators.shared, "hypernas": HYPERNAS}[arm](space)
        kept = 4 * sum(p.numel() for p in generator.parameters()) * 4 / MB
        ready = generator_step(generator, [architecture], inputs)
        return lambda i: ready(i)()

    small = SearchSpace({"width": [8, 16]}, _build)  # loads the code that is used
    generator_step(HYPERNAS(small), [small.smallest()], torch.randn(2, 8, device=device))(0)()
    taken = measure_memory(make, device=device, steps=4)
    return (taken - kept) / subnet


if __name__ == "__main__":
    print(main(sys.argv[1], sys.argv[2], torch.device(sys.argv[3])))
