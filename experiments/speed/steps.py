"""Steps of training: of a plain module, of a generator, of a peer's hypernetwork."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial

import torch
from clock import Ready, Work
from targets import Task, loss
from torch import Tensor, nn

from hypernas import Architecture, SearchSpace, generators
from hypernas.generators import Generator
from hypernas.training import Update

# K = 4: a base and three experts; nothing is left to defaults, which may change
HYPERNAS = partial(
    generators.hypernas, num_experts=3, experts="*", gains="*", offsets="*", base=True
)
GENERATORS: dict[str, Callable[..., Generator]] = {
    "shared": generators.shared,
    "hypernas": HYPERNAS,
    "mos_layer": generators.mos_layer,
    "mos_neuron": generators.mos_neuron,
    "few_shot": generators.few_shot,
    "ofa": generators.ofa,
    "cafenet": generators.cafenet,
    "soft_sharing": generators.soft_sharing,
    "ssn": generators.ssn,
    "acdc": generators.acdc,
    "chunked_hmlp": generators.chunked_hmlp,
    "hmlp": generators.hmlp,
    "mip_hypernetwork": generators.mip_hypernetwork,
}
FULL = ("hmlp", "mip_hypernetwork")  # a hundred numbers a weight
ON_LARGE = ("shared", "hypernas", "mos_layer")


def adamw(parameters: Sequence[nn.Parameter], *, fused: bool = True) -> torch.optim.Optimizer:
    """As `optimizer=adamw` is configured; torch itself fuses only if it is told to."""
    return torch.optim.AdamW(parameters, lr=1e-3, fused=fused or None)


def plain_step(space: SearchSpace, architectures: Sequence[Architecture], inputs: Tensor) -> Ready:
    """A module of its own for each architecture, built and given to an optimizer beforehand."""

    def ready(i: int) -> Work:
        module = space.build(architectures[i % len(architectures)]).to(inputs.device).train()
        optimizer = adamw(list(module.parameters()))
        for parameter in module.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()  # makes the moments
        optimizer.zero_grad()
        return partial(_step, lambda: module(inputs), optimizer, inputs)

    return ready


def generator_step(
    generator: Generator,
    architectures: Sequence[Architecture],
    inputs: Tensor,
    *,
    clip: bool = False,
) -> Ready:
    """An architecture's module is built as in training, where none is remembered."""
    generator.to(inputs.device).train()
    optimizer = adamw(list(generator.parameters()))

    def ready(i: int) -> Work:
        architecture = architectures[i % len(architectures)]
        run = partial(generator.call, architecture, inputs)
        return partial(_step, run, optimizer, inputs, clip=clip)

    return ready


def training_step(
    generator: Generator, architectures: Sequence[Architecture], inputs: Tensor
) -> tuple[str, Ready]:
    """A step as `hypernas.training` takes it, gradients clipped: its path, and the work."""
    generator.to(inputs.device).train()
    update = Update(adamw(list(generator.parameters())))

    def ready(i: int) -> Work:
        def work() -> None:
            with update.noting():
                with autocast(inputs):
                    found = loss(generator.call(architectures[i % len(architectures)], inputs))
                found.backward()
            update.step(1.0)

        return work

    return update.path, ready


def elastic_step(
    module: nn.Module, architectures: Sequence[Architecture], inputs: Tensor, *, clip: bool
) -> Ready:
    """Of a module whose sizes are set in the step."""
    module.to(inputs.device).train()
    optimizer = adamw(list(module.parameters()))

    def ready(i: int) -> Work:
        def run() -> Tensor:
            module.resize(architectures[i % len(architectures)])
            return module(inputs)

        return partial(_step, run, optimizer, inputs, clip=clip)

    return ready


def functional_step(
    network: nn.Module, run: Callable[[Tensor], Tensor], inputs: Tensor, *, fused: bool = True
) -> Ready:
    """Of a hypernetwork whose `run` gives the outputs of the target on inputs."""
    network.to(inputs.device).train()
    optimizer = adamw(list(network.parameters()), fused=fused)
    return lambda i: partial(_step, lambda: run(inputs), optimizer, inputs)


def _step(
    run: Callable[[], Tensor],
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    *,
    clip: bool = False,
) -> None:
    with autocast(inputs):
        found = loss(run())
    found.backward()
    if clip:  # as in training
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    optimizer.zero_grad()


def autocast(inputs: Tensor):
    """bfloat16 on a GPU, as in training."""
    if inputs.device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def steps_of(
    task: Task, names: Sequence[str], architectures: Sequence[Architecture], inputs: Tensor
) -> Mapping[str, Ready]:
    """`plain`, then the steps of generators by name."""
    space = task.make()
    found = {"plain": plain_step(space, architectures, inputs)}
    for name in names:
        found[name] = generator_step(GENERATORS[name](task.make()), architectures, inputs)
    return found
