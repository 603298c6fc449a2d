"""Fused steps of banks that layers share, or that are computed: what they gain."""

from clock import Clock
from measures import distinct
from steps import GENERATORS, generator_step, training_step
from targets import Task

BANKS = ("hypernas", "soft_sharing", "ssn", "acdc")  # own, templates, one flat vector, atoms


def banks(clock: Clock, task: Task) -> None:
    """(h) Steps as training takes them, in units of those of torch's optimizer, gradients clipped in both."""
    architectures, inputs = distinct(task.make(), 200), task.inputs(clock.device)
    for name in BANKS:
        before = generator_step(GENERATORS[name](task.make()), architectures, inputs, clip=True)
        path, step = training_step(GENERATORS[name](task.make()), architectures, inputs)
        arms = {"torch": before, f"{name}, {path}": step}
        clock.measure("step_over_torch", task.name, arms, seconds=task.seconds / 5)
