"""Norms that keep running statistics: what those are, and how they are calibrated for a subnet."""

import contextlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.subnet.anatomy import Parts, parts_of
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.averages import RUNNING, averaging
from hypernas.subnet.target import Target, check_weights


def norm_statistics(module: nn.Module) -> dict[str, Tensor]:
    """The buffers in which batch (or instance) norms keep running statistics, by name."""
    return statistics_of(parts_of(module))


def statistics_of(parts: Parts) -> dict[str, Tensor]:
    """The `norm_statistics` of a module of these parts."""
    return {
        f"{prefix}.{name}" if prefix else name: buffer
        for prefix, norm in parts
        if norm._buffers and tracks(norm)
        for name, buffer in norm._buffers.items()
        if buffer is not None
    }


def tracks(part: nn.Module) -> bool:
    """True for a norm that keeps running averages: torch's, and others with such buffers.

    Statistics without a momentum are constants, as of norms that are frozen.
    """
    if any(part._buffers.get(name) is None for name in RUNNING):
        return False
    return bool(getattr(part, "track_running_stats", hasattr(part, "momentum")))


@torch.no_grad()
def calibrate(
    module: nn.Module,
    weights: Mapping[str, Tensor],
    batches: Iterable[Any],
    buffers: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """The norm statistics of `module` under `weights`, afresh from `batches` of inputs.

    Args:
        batches: inputs, each of them the module's arguments: see `Arguments`.
        buffers: as in `average_statistics`.

    Raises:
        ValueError: if there are norms to calibrate and no batch, or the weights do not fit.
    """
    target = Target(module)
    check_weights(target.shapes, weights)

    def run(batch: Any, buffers: dict[str, Tensor]) -> None:
        target.run(weights, Arguments.of(batch), buffers=buffers)

    return average_statistics(module, run, batches, buffers)


@torch.no_grad()
def average_statistics(
    module: nn.Module,
    run: Callable[[Any, dict[str, Tensor]], object],
    batches: Iterable[Any],
    buffers: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """The norm statistics that a module gathers over batches, and what else moves, by buffer name.

    A use of a norm on n positions (examples, times pixels or steps) with mean m and variance v
    counts with the weight n: the running mean becomes Σ n m / Σ n and the running variance Σ n v / Σ n,
    over all uses in all batches. So the mean is that of all positions; the variance is the one within a
    use, by which training divides, and leaves out how far the means of uses lie apart. For uses of
    one size this is torch's own cumulative average. All but the norms is in evaluation mode, and a norm that the
    module's own `train` keeps in evaluation mode is left alone. The module is left as it was. Without such
    norms and other buffers the result is empty and no batch is read.

    Args:
        run: (batch, statistics) -> runs the module on the batch, with these buffers, in place.
        buffers: that training changes. Those of numbers that are no norms' (the vectors of spectral norm,
            moving averages) go on from these values, in training mode: a step a batch.

    Raises:
        ValueError: if there are norms to calibrate and no batch.
    """
    found = {name: buffer.clone() for name, buffer in norm_statistics(module).items()}
    moving = {
        n: b.clone() for n, b in (buffers or {}).items() if b.is_floating_point() and n not in found
    }
    if not found and not moving:
        return {}
    read = False
    with _calibrating(module, {name.rpartition(".")[0] for name in moving}) as norms:
        for name, buffer in found.items():
            if name.rpartition(".")[0] in norms:
                buffer.fill_(1 if name.endswith("running_var") else 0)
        found |= moving
        for batch in batches:
            run(batch, found)
            read = True
    if not read:
        raise ValueError("calibration needs one or more batches, got none.")
    return found


@contextlib.contextmanager
def _calibrating(module: nn.Module, moving: Container[str]) -> Iterator[set[str]]:
    """Evaluation mode, but norms average what they see, and parts that move do; undone at the end.

    Yields:
        The names of these norms: those that are in training mode when the module is.
    """
    modes = [(part, part.training) for part in module.modules()]
    try:
        module.train()
        trained = {name: part for name, part in module.named_modules() if part.training}
        norms = {name: part for name, part in trained.items() if tracks(part)}
        module.eval()
        for name, part in trained.items():
            part.training = name in moving
        with contextlib.ExitStack() as averages:
            for norm in norms.values():
                norm.train()
                averages.enter_context(averaging(norm))
            yield set(norms)
    finally:
        for part, training in modes:
            part.training = training
