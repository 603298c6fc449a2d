"""The gradients of a step."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from hypernas.distributed import Storage
from hypernas.generators import (
    Generator,
    auxiliary_loss,
    choose_channels,
    create_late_parameters,
    has_free_channels,
)
from hypernas.objectives import Objective
from hypernas.subnet.subnet import Subnet
from hypernas.subnet.target import positional

Precision = Literal["auto", "float32"]


def add_gradients(
    storage: Storage,
    subnets: Sequence[Subnet],
    batch: tuple[Any, Any],
    objective: Objective,
    *,
    combine: Literal["mean", "sum"],
    precision: Precision,
    rng: torch.Generator | None = None,
) -> Tensor:  # shape: (), mean loss
    """Add up the gradients of the losses of some subnets on one batch.

    Of several ranks, which have the same arguments, each computes its share, and all have the sums.

    Args:
        combine, precision: see `hypernas.training.Training`.
        rng: given, free channels are chosen first, on the same batch.
    """
    generator, ranks = storage.generator, storage.ranks
    alone = rng is not None and has_free_channels(generator)
    shares = ranks.shares(len(subnets), len(batch[1]), split=not alone)
    share = shares[ranks.rank]
    create_late_parameters(generator, subnets)  # the same ones on all ranks
    remembered = ranks.remember(generator)
    inputs, targets = share.of(batch)
    teaching = objective.distils and subnets[0].architecture == generator.space.largest()
    scale = share.weight / len(subnets) if combine == "mean" else share.weight
    teacher = None
    total = torch.zeros((), device=generator.device)
    every = range(len(subnets))
    for positions in [[i] for i in every] if alone else [every]:
        if alone:
            judge = partial(objective.loss, targets=targets, teacher=teacher)
            with _autocast(precision, generator.device):  # its cache holds casts without gradients
                one = subnets[positions[0]]
                choose_channels(generator, one, *positional(inputs), loss=judge, rng=rng)
        trained = [[i for i in own.positions if i in positions] for own in shares]
        read = [0] if teaching and ranks.size > 1 and 0 in positions else []
        with storage.together(subnets, trained, read=read, rng=rng) as generated:
            if read and 0 not in share.positions:
                with _autocast(precision, generator.device):
                    teacher = _taught(generator, subnets[0], inputs, generated[0])
            for i in trained[ranks.rank]:
                with _autocast(precision, generator.device):
                    outputs = generator.call(subnets[i], *positional(inputs), weights=generated[i])
                    loss = objective.loss(outputs, targets, teacher)
                (loss * scale).backward()
                if teaching and teacher is None:
                    teacher = outputs.detach()
                total += loss.detach() * share.weight
    total /= len(subnets)
    if ranks.first:
        auxiliary = auxiliary_loss(generator, subnets)
        if auxiliary is not None:
            auxiliary.backward()
            total += auxiliary.detach()
    return storage.exchange(total, remembered)


@torch.no_grad()
def _taught(
    generator: Generator, subnet: Subnet, inputs: Any, weights: Mapping[str, Tensor]
) -> Any:
    """The outputs of a teacher that another rank trains; norm statistics stay as they are."""
    copies = generator.statistics(subnet).clones()
    return generator.call(subnet, *positional(inputs), weights=weights, statistics=copies)


def _autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    if (
        precision == "auto"
        and device.type == "cuda"
        and torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()
