"""Growth with K of a step as training takes it, beside the bytes that an update cannot do without."""

import torch
from clock import Clock, Ready
from measures import distinct
from steps import training_step
from targets import Task

from hypernas import generators

ENTRIES = (4, 2, 8, 16, 32)  # K, of which the first is the unit
MOVED = 24  # bytes of a number of a bank: AdamW reads and writes it and two moments


def entries(clock: Clock, task: Task) -> None:
    """(j) Steps of `hypernas` with K entries, gradients clipped, in units of those with four.

    `floor` is a copy of as many bytes as AdamW has to read and write for all numbers of the bank.
    """
    architectures, inputs = distinct(task.make(), 200), task.inputs(clock.device)
    arms: dict[str, Ready] = {}
    for num in ENTRIES:
        generator = generators.hypernas(
            task.make(), num_experts=num - 1, experts="*", gains="*", offsets="*", base=True
        )
        numbers = sum(p.numel() for p in generator.bank.parameters())
        path, step = training_step(generator, architectures, inputs)
        print(f"K = {num}: {path}, floor {numbers * MOVED / 2**20:,.0f} MB", flush=True)
        arms[f"K = {num}, {path}"] = step
        arms[f"K = {num}, floor"] = _copy(numbers * MOVED // 8, inputs.device)
    clock.measure("growth_with_entries", task.name, arms, seconds=task.seconds, warmup=1)


def _copy(numbers: int, device: torch.device) -> Ready:
    """Of so many single numbers, each of which is read and written, a piece of memory at a time."""
    size = min(numbers, 2**24)
    source, place = torch.ones(size, device=device), torch.empty(size, device=device)

    def work() -> None:
        for first in range(0, numbers, size):
            n = min(size, numbers - first)
            place[:n].copy_(source[:n])

    return lambda i: work
