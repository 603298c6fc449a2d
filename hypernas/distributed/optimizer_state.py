"""Sharded optimizers: each rank keeps the state of some parameters."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard

import torch

if TYPE_CHECKING:
    from torch.distributed.optim import ZeroRedundancyOptimizer

Maker = Callable[[list[dict[str, Any]]], torch.optim.Optimizer]


def shard(make: Maker) -> Maker:
    """`make`, whose optimizers keep on each rank the state of some of the parameters.

    ZeRO stage 1 (Rajbhandari et al., 2020, arXiv 1910.02054), as torch has it: each parameter has
    one rank that moves it and sends it to the others, so every rank stores it and its gradient, but
    only 1/N of AdamW's two moments: with parameters of P bytes 2 P + 2 P / N, instead of 4 P. A step
    sends P bytes more. Parameters go to ranks whole.

    Raises:
        ValueError: if `make` is not a `functools.partial` of an optimizer class.
    """
    kind = make.func if isinstance(make, partial) and not make.args else None
    if not isinstance(make, partial) or not _makes_optimizers(kind):
        raise ValueError(
            "to divide an optimizer among ranks its class and options have to be known: give "
            "functools.partial(torch.optim.AdamW, lr=...) or the like."
        )
    sharded = _zero()
    return lambda groups: sharded(groups, kind, **make.keywords)


def state_to_first(optimizer: torch.optim.Optimizer) -> None:
    """Bring the state of an optimizer that `shard` made to rank 0; called on all ranks.

    Raises:
        TypeError: if it is another optimizer.
    """
    if not isinstance(optimizer, _zero()):
        raise TypeError(f"expected an optimizer made by shard, got {type(optimizer).__name__}.")
    optimizer.consolidate_state_dict(to=0)


def _zero() -> "type[ZeroRedundancyOptimizer]":
    with warnings.catch_warnings():  # other optimizers there use what torch has deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch.distributed.optim import ZeroRedundancyOptimizer
    return ZeroRedundancyOptimizer


def _makes_optimizers(kind: object) -> TypeGuard[type[torch.optim.Optimizer]]:
    """True for a class, and for a function: torch's own only calls it."""
    return callable(kind)
