"""The gradients of a step."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from hypernas.distributed import Storage
from hypernas.generators import Generator, settle, settles
from hypernas.objectives import Objective
from hypernas.space.architecture import Architecture
from hypernas.subnet.target import positional

Precision = Literal["auto", "float32"]


def add_gradients(
    storage: Storage,
    architectures: Sequence[Architecture],
    batch: tuple[Any, Any],
    objective: Objective,
    *,
    combine: Literal["mean", "sum"],
    precision: Precision,
    rng: torch.Generator | None = None,
) -> Tensor:  # shape: (), mean loss
    """Add up the gradients of the losses of some architectures on one batch.

    Of several ranks, which have the same arguments, each computes its share, and all have the sums.

    Args:
        combine, precision: see `hypernas.training.Training`.
        rng: given, what is free in slices is settled first, on the same batch.
    """
    generator, ranks = storage.generator, storage.ranks
    alone = rng is not None and settles(generator)
    shares = ranks.shares(len(architectures), len(batch[1]), split=not alone)
    share = shares[ranks.rank]
    remembered = ranks.remember(generator, architectures)
    inputs, targets = share.of(batch)
    teaching = objective.distils and architectures[0] == generator.space.largest()
    scale = share.weight / len(architectures) if combine == "mean" else share.weight
    teacher = None
    total = torch.zeros((), device=generator.device)
    every = range(len(architectures))
    for positions in [[i] for i in every] if alone else [every]:
        if alone:
            judge = partial(objective.loss, targets=targets, teacher=teacher)
            with _autocast(precision, generator.device):  # its cache holds casts without gradients
                one = architectures[positions[0]]
                settle(generator, one, *positional(inputs), loss=judge, rng=rng)
        trained = [[i for i in own.positions if i in positions] for own in shares]
        read = [0] if teaching and ranks.size > 1 and 0 in positions else []
        with storage.together(architectures, trained, read=read, rng=rng) as generated:
            if read and 0 not in share.positions:
                with _autocast(precision, generator.device):
                    teacher = _taught(generator, architectures[0], inputs, generated[0])
            for i in trained[ranks.rank]:
                with _autocast(precision, generator.device):
                    outputs = generator.call(
                        architectures[i], *positional(inputs), weights=generated[i]
                    )
                    loss = objective.loss(outputs, targets, teacher)
                (loss * scale).backward()
                if teaching and teacher is None:
                    teacher = outputs.detach()
                total += loss.detach() * share.weight
    total /= len(architectures)
    if ranks.first:
        auxiliary = generator.auxiliary_loss(architectures)
        if auxiliary.requires_grad:
            auxiliary.backward()
        total += auxiliary.detach()
    return storage.exchange(total, remembered)


@torch.no_grad()
def _taught(
    generator: Generator, architecture: Architecture, inputs: Any, weights: Mapping[str, Tensor]
) -> Any:
    """The outputs of a teacher that another rank trains; norm statistics stay as they are."""
    copies = {name: s.clone() for name, s in generator.statistics(architecture).items()}
    return generator.call(architecture, *positional(inputs), weights=weights, statistics=copies)


def _autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    if (
        precision == "auto"
        and device.type == "cuda"
        and torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()
