"""The gradients of a step."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from hypernas.distributed import Placement
from hypernas.distributed.share import Share, num_rows
from hypernas.generators import (
    auxiliary_loss,
    choose_channels,
    create_late_parameters,
    has_free_channels,
)
from hypernas.objectives import Counted, Objective, teacher_of
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.structure import map_tensors
from hypernas.subnet.subnet import Subnet

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
    for part, factor in zip(parts, _factors(objective, parts), strict=True):
        passes = _Pass(storage, part, objective, precision, factor)
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


def _factors(objective: Objective, parts: Sequence[Part]) -> list[float]:
    """Factors of the losses of the batches of a step, of mean 1: by what counts in each."""
    counts: list[int] = []
    if len(parts) > 1 and isinstance(objective, Counted):
        found = (objective.num_counted(part.batch[1]) for part in parts)
        counts = [count for count in found if count is not None]
    total = sum(counts)
    if not total or len(counts) < len(parts):
        return [1.0] * len(parts)
    return [count * len(parts) / total for count in counts]


class _Pass:
    """The passes of this rank's share of a part, forward and backward."""

    def __init__(
        self,
        storage: Placement,
        part: Part,
        objective: Objective,
        precision: Precision,
        factor: float,  # of its losses
    ) -> None:
        self.storage, self.generator = storage, storage.generator
        self.subnets, self.objective, self.precision = part.subnets, objective, precision
        largest = storage.generator.space.largest()
        self.teaching = objective.distils and part.subnets[0].architecture == largest
        self.teacher: Any = None
        self.batch, self.factor = part.batch, factor

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
        weight = self._weight(share, targets) * self.factor
        if share.positions:
            with self._autocast():
                self.teacher = teacher_of(self.objective, inputs)
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
                    (loss * (weight / divisor * weights[i])).backward()
                    losses[i] = loss.detach() * weight
        return losses

    def _weight(self, share: Share, targets: Any) -> float:
        """Our part of the loss of a batch that ranks divide: of what counts, or of the rows."""
        if share.weight == 1 or not isinstance(self.objective, Counted):
            return share.weight
        own = self.objective.num_counted(targets)
        every = self.objective.num_counted(self.batch[1])
        return own / every if own is not None and every else share.weight

    def _loss(self, i: int, inputs: Any, targets: Any, weights: Mapping[str, Tensor]) -> Tensor:
        with self._autocast():
            outputs = self._called(i, inputs, weights)
            loss = self.objective.loss(outputs, targets, self.teacher)
        if self.teaching and self.teacher is None:
            self.teacher = map_tensors(Tensor.detach, outputs)
        return loss

    def _choose_channels(self, i: int, inputs: Any, targets: Any, rng: torch.Generator) -> None:
        judge = partial(self.objective.loss, targets=targets, teacher=self.teacher)
        with self._autocast():  # its cache holds casts without gradients
            choose_channels(self.generator, self.subnets[i], inputs, loss=judge, rng=rng)

    @torch.no_grad()
    def _taught(self, inputs: Any, weights: Mapping[str, Tensor]) -> Any:
        """The outputs of a teacher that another rank trains; norm statistics stay as they are."""
        copies = self.generator.statistics(self.subnets[0]).clones()
        with self._autocast():
            return self._called(0, inputs, weights, copies)

    def _called(
        self,
        i: int,
        inputs: Any,
        weights: Mapping[str, Tensor],
        statistics: Mapping[str, Tensor] | None = None,
    ) -> Any:
        given = Arguments.of(inputs)
        return self.generator.call(self.subnets[i], given, weights=weights, statistics=statistics)

    def _autocast(self) -> AbstractContextManager[Any]:
        device = self.generator.device
        if (
            self.precision == "auto"
            and device.type == "cuda"
            and torch.cuda.is_bf16_supported(including_emulation=False)
        ):
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return nullcontext()
