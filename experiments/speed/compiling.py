"""Does it pay to compile a subnet's module? Its step, compiled, and what compiling costs."""

import time
from collections.abc import Callable

import torch
from clock import Clock
from steps import HYPERNAS, adamw, autocast
from targets import Task, loss
from torch import Tensor, nn
from torch.func import functional_call

Run = Callable[[dict[str, Tensor], Tensor], Tensor]


def compiling(clock: Clock, task: Task) -> None:
    """(g) hypernas on one architecture that stays, its module compiled, against the same as it is.

    On a GPU also with CUDA graphs. `compile_over_step` is the time of compiling, which every architecture
    takes anew as its shapes are its own, on the wall, in units of a step as it is.
    """
    space, inputs = task.make(), task.inputs(clock.device)
    generator = HYPERNAS(space).to(clock.device).train()
    architecture = space.largest()
    target = space.build(architecture).to(clock.device).train()
    optimizer = adamw(list(generator.parameters()))

    def step(run: Run) -> None:
        with autocast(inputs):
            found = loss(run(generator(architecture), inputs))
        found.backward()
        optimizer.step()
        optimizer.zero_grad()

    runs: dict[str, Run] = {"as it is": _runner(target), "compiled": torch.compile(_runner(target))}
    if clock.device.type == "cuda":
        runs["compiled, CUDA graphs"] = torch.compile(_runner(target), mode="reduce-overhead")
    with torch._inductor.config.patch(force_disable_caches=True, compile_threads=1):
        first = {
            name: _seconds(lambda run=run: step(run), clock.device) for name, run in runs.items()
        }
        arms = {name: lambda i, run=run: lambda: step(run) for name, run in runs.items()}
        times = clock.measure("compiled_over_step", task.name, arms, seconds=task.seconds / 4)
    for name in list(runs)[1:]:
        ratios = [first[name] / spent for spent in times["as it is"]]
        clock.add("compile_over_step", task.name, name, ratios)


def _runner(target: nn.Module) -> Run:
    return lambda weights, inputs: functional_call(target, weights, (inputs,))


def _seconds(work: Callable[[], None], device: torch.device) -> float:
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
