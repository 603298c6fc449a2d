"""Norms that keep running statistics: what those are, and how they are calibrated for a subnet."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from hypernas.subnet.target import call, positional


def norm_statistics(module: nn.Module) -> dict[str, Tensor]:
    """The buffers in which batch (or instance) norms keep running statistics, by name."""
    return {
        f"{prefix}.{name}" if prefix else name: buffer
        for prefix, norm in _tracking_norms(module)
        for name, buffer in norm.named_buffers(recurse=False)
    }


def _tracking_norms(module: nn.Module) -> Iterator[tuple[str, _NormBase]]:
    for prefix, part in module.named_modules():
        if isinstance(part, _NormBase) and part.track_running_stats:
            yield prefix, part


@torch.no_grad()
def calibrate(
    module: nn.Module, weights: Mapping[str, Tensor], batches: Iterable[Any]
) -> dict[str, Tensor]:
    """The norm statistics of `module` under `weights`, afresh from `batches` of inputs.

    Args:
        batches: inputs; each is a tensor, or a tuple of the module's positional arguments.

    Raises:
        ValueError: if there are norms to calibrate and no batch, or the weights do not fit.
    """
    return average_statistics(
        module,
        lambda batch, buffers: call(module, weights, *positional(batch), buffers=buffers),
        batches,
    )


@torch.no_grad()
def average_statistics(
    module: nn.Module,
    run: Callable[[Any, dict[str, Tensor]], object],
    batches: Iterable[Any],
) -> dict[str, Tensor]:
    """The norm statistics that a module gathers over batches, by buffer name.

    Running means and variances become the plain averages over the batches, with everything but the
    norms in evaluation mode. The module is left as it was. Without such norms
    the result is empty and no batch is read.

    Args:
        run: (batch, statistics) -> runs the module on the batch, with these buffers, in place.

    Raises:
        ValueError: if there are norms to calibrate and no batch.
    """
    buffers = {name: buffer.clone() for name, buffer in norm_statistics(module).items()}
    if not buffers:
        return buffers
    for name, buffer in buffers.items():
        buffer.fill_(1 if name.endswith("running_var") else 0)
    seen = 0
    with _calibrating(module) as norms:
        for seen, batch in enumerate(batches, start=1):
            for norm in norms:
                # the average so far; None would do so for batch norms only
                norm.momentum = 1 / seen
            run(batch, buffers)
    if not seen:
        raise ValueError("calibration needs one or more batches, got none.")
    return buffers


@contextlib.contextmanager
def _calibrating(module: nn.Module) -> Iterator[list[_NormBase]]:
    """Evaluation mode, but norms, which are yielded, in training mode; undone at the end."""
    modes = [(part, part.training) for part in module.modules()]
    norms = [(norm, norm.momentum) for _, norm in _tracking_norms(module)]
    try:
        module.eval()
        for norm, _ in norms:
            norm.train()
        yield [norm for norm, _ in norms]
    finally:
        for part, training in modes:
            part.training = training
        for norm, momentum in norms:
            norm.momentum = momentum
