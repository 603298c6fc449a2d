"""The running statistics of a norm as averages over all that it is used on."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

RUNNING = ("running_mean", "running_var")

Weight = Callable[[Any], float]  # inputs of a use -> its part of all positions up to it


@contextlib.contextmanager
def averaging(norm: nn.Module) -> Iterator[None]:
    """Within, a norm in training mode averages over all uses, each weighted by its positions.

    Positions are examples, times pixels or steps. The first use writes over what was there.
    """
    total = 0

    def weight(inputs: Any) -> float:
        nonlocal total
        tensor = next(value for value in inputs if isinstance(value, Tensor))
        own = tensor.numel() // norm.get_buffer(RUNNING[0]).numel()
        total += own
        return own / total

    own = isinstance(norm, _NormBase)
    with _by_momentum(norm, weight) if own else _by_second_run(norm, weight):
        yield


@contextlib.contextmanager
def _by_momentum(norm: _NormBase, weight: Weight) -> Iterator[None]:
    """Average of one of torch's norms, whose momentum is the weight of what it sees."""

    def before(norm: _NormBase, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        norm.momentum = weight([*inputs, *keywords.values()])

    momentum = norm.momentum
    handle = norm.register_forward_pre_hook(before, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()
        norm.momentum = momentum


@contextlib.contextmanager
def _by_second_run(norm: nn.Module, weight: Weight) -> Iterator[None]:
    """Average of a norm of other make, which may mean anything by its momentum.

    It makes a r + (1 - a) s of a running statistic r, where s is that of its inputs. A second run
    on the same inputs, from r + 1, tells a, and so s.
    """
    given: dict[str, Tensor] = {}
    values: dict[str, Tensor] = {}

    def before(norm: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        given.update(norm.named_buffers(recurse=False))
        values.update({name: buffer.clone() for name, buffer in given.items()})

    def after(
        norm: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any], outputs: Any
    ) -> None:
        once = {name: norm.get_buffer(name).clone() for name in given}
        for name, buffer in given.items():
            norm._buffers[name] = buffer.copy_(values[name] + (name in RUNNING))
        norm.forward(*inputs, **keywords)
        share = weight([*inputs, *keywords.values()])
        for name in RUNNING:
            kept = norm.get_buffer(name) - once[name]
            seen = (once[name] - kept * values[name]) / (1 - kept)
            once[name] = torch.lerp(values[name], seen, share)
        for name, buffer in given.items():
            norm._buffers[name] = buffer.copy_(once[name])

    handles = [
        norm.register_forward_pre_hook(before, with_kwargs=True),
        norm.register_forward_hook(after, with_kwargs=True),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
