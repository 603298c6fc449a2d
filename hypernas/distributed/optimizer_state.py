"""An optimizer whose memory is divided among ranks."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, TypeGuard

import torch

Maker = Callable[[list[dict[str, Any]]], torch.optim.Optimizer]


def sharded(make: Maker) -> Maker:
    """`make`, whose optimizers keep on each rank the state of some of the parameters.

    ZeRO stage 1 (Rajbhandari et al., 2020, arXiv 1910.02054), as torch has it: each parameter has
    one rank that moves it and sends it to the others, so every rank stores it and its gradient, but
    only 1/N of AdamW's two moments: with parameters of P bytes 2 P + 2 P / N, instead of 4 P. A step
    sends P bytes more. Parameters go to ranks whole.

    Raises:
        ValueError: if `make` is not a `functools.partial` of an optimizer class.
    """
    kind = make.func if isinstance(make, partial) and not make.args else None
    if not isinstance(make, partial) or not _optimizer_class(kind):
        raise ValueError(
            "to divide an optimizer among ranks its class and options have to be known: give "
            "functools.partial(torch.optim.AdamW, lr=...) or the like."
        )
    with warnings.catch_warnings():  # other optimizers there use what torch has deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch.distributed.optim import ZeroRedundancyOptimizer
    return lambda groups: ZeroRedundancyOptimizer(groups, kind, **make.keywords)


def _optimizer_class(kind: object) -> TypeGuard[type[torch.optim.Optimizer]]:
    return isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)
