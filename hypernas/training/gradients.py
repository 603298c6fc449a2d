"""The gradients of a step."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from hypernas.distributed import Placement
from hypernas.distributed.share import num_rows
from hypernas.generators import (
    auxiliary_loss,
    choose_channels,
    create_late_parameters,
    has_free_channels,
)
from hypernas.objectives import Objective
from hypernas.subnet.subnet import Subnet
from hypernas.subnet.target import positional

Precision = Literal["auto", "float32"]


class Part(NamedTuple):
    """One of the batches of a step, and the N subnets that are trained on it.

    Attributes:
        subnets: of the architectures of the step, in their order; under the condition of the batch.
        batch: inputs and targets, which only the target and the objective look into.
    """

    subnets: Sequence[Subnet]
    batch: tuple[Any, Any]


def add_gradients(
    storage: Placement,
    parts: Sequence[Part],
    objective: Objective,
    *,
    combine: Literal["mean", "sum"],
    precision: Precision,
    weights: Sequence[float] | None = None,
    rng: torch.Generator | None = None,
) -> Tensor:  # shape: (1 + N,), the mean loss, and that of each architecture
    """Add up the gradients of the losses of N architectures, averaged over the batches of a step.

    Of several ranks, which have the same arguments, each computes its share, and all have the sums.

    Args:
        combine, precision: see `hypernas.training.Training`.
        weights: factors of the architectures' losses in the gradient; None for ones. Losses are
            returned without them.
        rng: given, free channels are chosen first, on the same batch.
    """
    generator, num = storage.generator, len(parts[0].subnets)
    create_late_parameters(generator, parts[0].subnets)  # the same ones on all ranks
    statistics = storage.ranks.snapshot(generator)
    divisor = (num if combine == "mean" else 1) * len(parts)
    found = torch.zeros((), device=generator.device)
    auxiliary = torch.zeros((), device=generator.device)
    losses: list[dict[int, Tensor]] = []
    for part in parts:
        passes = _Pass(storage, part, objective, precision)
        losses.append(passes.add_gradients(weights or [1.0] * num, divisor, rng))
        for loss in losses[-1].values():
            found += loss
        extra = auxiliary_loss(generator, part.subnets) if storage.ranks.first else None
        if extra is not None:
            (extra / len(parts)).backward()
            auxiliary += extra.detach() / len(parts)
    found /= num * len(parts)
    found += auxiliary
    each = torch.zeros(num, device=generator.device)
    for some in losses:
        for i, loss in some.items():
            each[i] += loss / len(parts)
    return storage.reduce_gradients(torch.cat([found[None], each]), statistics)


class _Pass:
    """The passes of this rank's share of a part, forward and backward."""

    def __init__(
        self, storage: Placement, part: Part, objective: Objective, precision: Precision
    ) -> None:
        self.storage, self.generator = storage, storage.generator
        self.subnets, self.objective, self.precision = part.subnets, objective, precision
        largest = storage.generator.space.largest()
        self.teaching = objective.distils and part.subnets[0].architecture == largest
        self.teacher: Any = None
        self.batch = part.batch

    def add_gradients(
        self, weights: Sequence[float], divisor: int, rng: torch.Generator | None
    ) -> dict[int, Tensor]:
        """Position of each architecture that this rank trains -> its part of the loss, shape ().

        Args:
            weights, divisor: an architecture's loss is multiplied and divided by them in the gradient.
        """
        ranks, every = self.storage.ranks, range(len(self.subnets))
        choice = rng if has_free_channels(self.generator) else None
        one_by_one = choice is not None
        rows = num_rows(self.batch) if ranks.size > 1 else 1
        shares = ranks.shares(len(self.subnets), rows, split=not one_by_one)
        share = shares[ranks.rank]
        inputs, targets = share.of(self.batch)
        losses: dict[int, Tensor] = {}
        for positions in [[i] for i in every] if one_by_one else [every]:
            if choice is not None:
                self._choose_channels(positions[0], inputs, targets, choice)
            trained = [[i for i in own.positions if i in positions] for own in shares]
            read = [0] if self.teaching and ranks.size > 1 and 0 in positions else []
            with self.storage.together(self.subnets, trained, read=read, rng=rng) as generated:
                if read and 0 not in share.positions:
                    self.teacher = self._taught(inputs, generated[0])
                for i in trained[ranks.rank]:
                    loss = self._loss(i, inputs, targets, generated[i])
                    (loss * (share.weight / divisor * weights[i])).backward()
                    losses[i] = loss.detach() * share.weight
        return losses

    def _loss(self, i: int, inputs: Any, targets: Any, weights: Mapping[str, Tensor]) -> Tensor:
        with self._autocast():
            outputs = self.generator.call(self.subnets[i], *positional(inputs), weights=weights)
            loss = self.objective.loss(outputs, targets, self.teacher)
        if self.teaching and self.teacher is None:
            self.teacher = outputs.detach()
        return loss

    def _choose_channels(self, i: int, inputs: Any, targets: Any, rng: torch.Generator) -> None:
        judge = partial(self.objective.loss, targets=targets, teacher=self.teacher)
        with self._autocast():  # its cache holds casts without gradients
            choose_channels(
                self.generator, self.subnets[i], *positional(inputs), loss=judge, rng=rng
            )

    @torch.no_grad()
    def _taught(self, inputs: Any, weights: Mapping[str, Tensor]) -> Any:
        """The outputs of a teacher that another rank trains; norm statistics stay as they are."""
        subnet = self.subnets[0]
        copies = self.generator.statistics(subnet).clones()
        with self._autocast():
            return self.generator.call(
                subnet, *positional(inputs), weights=weights, statistics=copies
            )

    def _autocast(self) -> AbstractContextManager[Any]:
        device = self.generator.device
        if (
            self.precision == "auto"
            and device.type == "cuda"
            and torch.cuda.is_bf16_supported(including_emulation=False)
        ):
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return nullcontext()
