"""The gradients of a step."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from hypernas.distributed import Placement
from hypernas.distributed.share import Share
from hypernas.generators import (
    auxiliary_loss,
    choose_channels,
    create_late_parameters,
    has_free_channels,
)
from hypernas.objectives import Counted, Objective, teacher_of
from hypernas.objectives.widening import trained_on
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.structure import map_tensors
from hypernas.training.blame import blame
from hypernas.training.part import Part

Precision = Literal["auto", "float32"]


def add_gradients(
    storage: Placement,
    parts: Sequence[Part],
    objective: Objective,
    *,
    combine: Literal["mean", "sum"],
    precision: Precision,
    weights: Sequence[float] | None = None,
    rng: torch.Generator | None = None,
) -> (
    Tensor
):  # shape: (1 + N,), the mean loss, and that of each architecture; behind them inspected norms
    """Add up the gradients of the losses of N architectures, averaged over the batches of a step.

    The loss of an architecture that reads a part of a batch counts as that part of one.

    Where batches are inspected, the gradient norms of their examples come behind the losses, batch by batch.

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
    num_passes = parts[0].num_passes
    divisor = (num_passes if combine == "mean" else 1.0) * len(parts)
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
    found /= num_passes * len(parts)
    found += auxiliary
    each = torch.zeros(num, device=generator.device)
    for part, some in zip(parts, losses, strict=True):
        for i, loss in some.items():
            each[i] += loss / (part.fraction(objective, i) * len(parts))
    norms = [own for part in parts if (own := part.norms) is not None]
    return storage.reduce_gradients(torch.cat([found[None], each, *norms]), statistics)


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
        self.part, self.objective, self.precision = part, objective, precision
        largest = storage.generator.space.largest()
        self.teaching = objective.distils and part.subnets[0].architecture == largest
        if self.teaching and part.rows is not None and part.rows[0].parts > 1:
            raise ValueError(
                "the largest architecture of a step teaches the others on the whole batch, but the sampler gives "
                "it a part: let it read all (sampling.divide of a sandwich does), or take another objective."
            )
        self.teacher: Any = None  # on the whole batch, or on what `share` leaves of it
        self.factor = factor
        self.share = Share(())

    def add_gradients(
        self, weights: Sequence[float], divisor: float, rng: torch.Generator | None
    ) -> dict[int, Tensor]:
        """Position of each architecture that this rank trains -> its part of the loss, shape ().

        Args:
            weights, divisor: an architecture's loss is multiplied and divided by them in the gradient.
        """
        ranks, subnets = self.storage.ranks, self.part.subnets
        choice = rng if has_free_channels(self.generator) else None
        one_by_one = choice is not None
        shares = ranks.shares(self._num_read(), split=not one_by_one)
        self.share = own = shares[ranks.rank]
        if own.positions:
            first = own.positions[0] if own.rows.parts > 1 else None
            with self._autocast():
                self.teacher = teacher_of(self.objective, self._read(first)[0])
        losses: dict[int, Tensor] = {}
        every = range(len(subnets))
        for positions in [[i] for i in every] if one_by_one else [every]:
            if choice is not None:
                self._choose_channels(positions[0], choice)
            trained = [[i for i in some.positions if i in positions] for some in shares]
            read = [0] if self.teaching and ranks.size > 1 and 0 in positions else []
            with self.storage.together(subnets, trained, read=read, rng=rng) as generated:
                if read and 0 not in own.positions:
                    self.teacher = self._taught(generated[0])
                for i in trained[ranks.rank]:
                    weight = self.part.fraction(self.objective, i, own.rows) * self.factor
                    try:
                        loss = self._loss(i, generated[i])
                        (loss * (weight / divisor * weights[i])).backward()
                    except Exception as error:
                        blame(error, subnets[i])
                        raise
                    losses[i] = loss.detach() * weight
        return losses

    def _num_read(self) -> list[int]:
        """The rows that each architecture reads, where ranks or architectures divide them."""
        if self.storage.ranks.size == 1 and self.part.rows is None:
            return [1] * len(self.part.subnets)
        return [self.part.num_read(i) for i in range(len(self.part.subnets))]

    def _read(self, i: int | None) -> tuple[Any, Any]:
        """Inputs and targets of an architecture on this rank; those of all for None."""
        return self.part.batch if i is None else self.part.read(i, self.share.rows)

    def _taught_on(self, i: int) -> Any:
        """The teacher's part for what architecture `i` reads."""
        split = self.share.rows.parts > 1  # then it was made of just that
        return self.teacher if split else self.part.of_batch(i, self.teacher)

    def _loss(self, i: int, weights: Mapping[str, Tensor]) -> Tensor:
        inputs, _ = self._read(i)
        with self._autocast():
            outputs = self._called(i, inputs, weights)
            taught, share = self._taught_on(i), self.share.rows
            loss = self.part.loss(self.objective, i, outputs, taught, share)
        if self.teaching and self.teacher is None:
            self.teacher = map_tensors(Tensor.detach, outputs)
        return loss

    def _choose_channels(self, i: int, rng: torch.Generator) -> None:
        inputs, targets = self._read(i)
        judge = partial(self.objective.loss, targets=targets, teacher=self._taught_on(i))
        with self._autocast():  # its cache holds casts without gradients
            choose_channels(self.generator, self.part.subnets[i], inputs, loss=judge, rng=rng)

    @torch.no_grad()
    def _taught(self, weights: Mapping[str, Tensor]) -> Any:
        """The outputs of a teacher that another rank trains; norm statistics stay as they are."""
        copies = self.generator.statistics(self.part.subnets[0]).clones()
        split = self.share.rows.parts > 1
        inputs, _ = self._read(self.share.positions[0] if split else None)
        with self._autocast():
            return self._called(0, inputs, weights, copies)

    def _called(
        self,
        i: int,
        inputs: Any,
        weights: Mapping[str, Tensor],
        statistics: Mapping[str, Tensor] | None = None,
    ) -> Any:
        given = Arguments.of(trained_on(self.objective, inputs))
        return self.generator.call(
            self.part.subnets[i], given, weights=weights, statistics=statistics
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
