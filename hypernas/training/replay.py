"""A step that is kept, taken again: where its loss or gradient is no number."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import nn

from hypernas.space.architecture import Architecture
from hypernas.subnet.structure import tensors
from hypernas.training import checkpoint
from hypernas.training.loop import gradients_of
from hypernas.training.run import TrainingRun
from hypernas.training.trouble import Trouble


@dataclass(frozen=True)
class Pass:
    """The pass of an architecture.

    Attributes:
        then, now: its loss when the step was taken, and today; as text.
        where: the first part that computed what is no finite number; empty if none did.
    """

    architecture: Architecture
    then: str
    now: str
    where: str


@dataclass(frozen=True)
class Replay:
    """A step, taken again.

    Attributes:
        parameters: of the generator, before the step, that hold what is no finite number.
        inputs: numbers of the batch that are none.
        gradients: parameters whose gradient holds what is none.
    """

    step: int
    passes: Sequence[Pass]
    inputs: int
    parameters: Sequence[str]
    gradients: Sequence[str]

    @property
    def same(self) -> bool:
        """True if all losses are as they were."""
        return all(one.then == one.now for one in self.passes)

    def text(self) -> str:
        """The findings, in lines."""
        lines = [f"step {self.step}, taken again ({'the same' if self.same else 'other'} losses):"]
        if self.inputs:
            lines.append(f"  its batch holds {self.inputs} numbers that are not finite")
        lines += _listed("the generator's parameters are not finite before it", self.parameters)
        for one in self.passes:
            told = "" if one.then == one.now else f", was {one.then}"
            lines.append(f"  {dict(one.architecture)}: loss {one.now}{told}")
            if one.where:
                lines.append(f"    first not finite: {one.where}")
        return "\n".join([*lines, *_listed("gradients are not finite", self.gradients)])


def _listed(head: str, names: Sequence[str], most: int = 6) -> list[str]:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return [f"  {head}: {', '.join(names[:most])}{more}"] if names else []


def replay(run: TrainingRun, trouble: Trouble) -> Replay:
    """Take a step again, with its architectures, batch and random numbers, but for the optimizer's part.

    Args:
        run: that has not begun, on one rank; its generator is put to the state before the step.

    Raises:
        CheckpointError: if the generator does not fit.
        ValueError: if architectures or data do not.
    """
    generator, accumulate = run.generator, run.training.accumulate
    state = checkpoint.load(trouble.checkpoint, generator=generator)
    run.step = state.step
    state.restore_parts(run.stateful())
    architectures = [generator.space.architecture(a) for a in trouble.architectures]
    stream = run.batches.starting_at(state.step * accumulate)
    batches = trouble.batches(list(islice(stream, accumulate)), generator.device)
    rng = torch.Generator()
    rng.set_state(trouble.tensors["rng.step"])
    broken = _not_finite(generator)
    places = dict.fromkeys(architectures, "")
    state.restore_rng(generator.device)
    with _looking(run, architectures, places):
        losses = gradients_of(run, architectures, [(b, None) for b in batches], rng)[1].tolist()
    passes = [
        Pass(a, then, str(now), places[a])
        for a, then, now in zip(architectures, trouble.losses, losses, strict=True)
    ]
    gradients = [
        name
        for name, parameter in generator.named_parameters()
        if parameter.grad is not None and not parameter.grad.isfinite().all()
    ]
    generator.zero_grad(set_to_none=True)
    return Replay(trouble.step, passes, _num_not_finite(batches), broken, gradients)


@contextmanager
def _looking(
    run: TrainingRun, architectures: Sequence[Architecture], places: dict[Architecture, str]
) -> Iterator[None]:
    """Within, the first place of each architecture that is not finite is noted."""
    handles = []
    for architecture in dict.fromkeys(architectures):
        condition = run.generator.condition_dim
        like = torch.zeros(condition, device=run.generator.device) if condition else None
        module = run.generator.subnet(architecture, like).target.module
        for name, part in module.named_modules():
            hook = _hook(architecture, name, places)
            handles.append(part.register_forward_hook(hook, with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(
    architecture: Architecture, name: str, places: dict[Architecture, str]
) -> Callable[..., None]:
    def look(module: nn.Module, args: Any, kwargs: Any, outputs: Any) -> None:
        if places[architecture] or not _num_not_finite(outputs):
            return
        layer = f"{name} ({type(module).__name__})" if name else type(module).__name__
        if _num_not_finite([args, kwargs]):
            places[architecture] = f"inputs of {layer}"
        elif weights := _not_finite(module, recurse=False):
            places[architecture] = f"weights of {layer}: {', '.join(weights)}"
        else:
            places[architecture] = f"outputs of {layer}, whose inputs and weights are finite"

    return look


def _not_finite(module: nn.Module, *, recurse: bool = True) -> list[str]:
    """The parameters that hold what is not."""
    return [n for n, p in module.named_parameters(recurse=recurse) if not p.isfinite().all()]


def _num_not_finite(value: Any) -> int:
    """The numbers of a structure that are not."""
    return sum(
        int((~tensor.isfinite()).sum()) for tensor in tensors(value) if tensor.is_floating_point()
    )
