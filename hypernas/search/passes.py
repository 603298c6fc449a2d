"""Passes of a subnet that is judged: over calibration batches, then over the validation split."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.generators import Generator
from hypernas.objectives.widening import measured_on
from hypernas.space import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.norms import average_statistics
from hypernas.subnet.structure import map_tensors, tensors
from hypernas.subnet.target import check_weights

_TOLERANCE = 1e-4  # of the largest output, by which rounding makes outputs differ at most


@dataclass(frozen=True)
class Passes:
    """A way to run subnets on the examples that a judge holds.

    Small pieces stay in a processor's cache, and torch's convolutions and batch norms of images are faster on it
    with the channels last in memory. A network that treats examples one by one, and takes tensors of any strides,
    computes the same; others are run on batches as they are.

    Attributes:
        calibration: inputs of each calibration batch.
        validation: inputs of each batch of the validation split, in its pieces.
        channels_last: where 4-d tensors have their channels in memory, weights as well.
        objective: that may measure on something else than inputs, see `Widening`.
    """

    calibration: Sequence[Arguments]
    validation: Sequence[Sequence[Arguments]]
    channels_last: bool = False
    objective: object = None

    @staticmethod
    def plain(
        calibration: Sequence[Any], validation: Sequence[Any], *, objective: object = None
    ) -> "Passes":
        """Batches as they are."""
        return Passes(
            [Arguments.of(batch) for batch in calibration],
            [[Arguments.of(batch)] for batch in validation],
            objective=objective,
        )

    def fastest(self, generator: Generator, *, piece: int) -> "Passes":
        """In pieces and with channels last, as far as the smallest and the largest subnet compute the same so.

        Args:
            piece: examples of each.
        """
        space = generator.space
        ends = [generator.subnet(a) for a in (space.smallest(), space.largest())]
        head = [[_head(self.validation[0][0], piece + 1)]]
        few = Passes(self.calibration[:1], head, objective=self.objective)
        images = generator.device.type == "cpu" and any(
            isinstance(part, nn.Conv2d) for end in ends for part in end.target.module.modules()
        )
        for channels_last in (True, False) if images else (False,):
            other = few._in_pieces(piece, channels_last=channels_last)
            if all(_agree(few, other, generator, end.architecture) for end in ends):
                return self._in_pieces(piece, channels_last=channels_last)
        return self

    def outputs(self, generator: Generator, architecture: Architecture) -> Iterator[Any]:
        """The outputs of a subnet on each validation batch, its norms calibrated, its weights generated once.

        Args:
            generator: in evaluation mode.
        """
        subnet = generator.subnet(architecture)
        target = subnet.target
        (weights,) = generator.many([subnet])
        check_weights(target.shapes, weights, of=subnet.architecture)
        if self.channels_last:
            weights = _channels_last(weights)
        target.train(False)
        own = generator.statistics(subnet)
        fresh = average_statistics(
            target.module,
            lambda batch, buffers: target.run(weights, batch, buffers=buffers),
            self.calibration,
            own.tensors,
        )
        buffers = own.overlaid(fresh).tensors
        for pieces in self.validation:
            given = [measured_on(self.objective, piece) for piece in pieces]
            yield _joined([target.run(weights, piece, buffers=buffers) for piece in given])

    def _in_pieces(self, piece: int, *, channels_last: bool) -> "Passes":
        order = _channels_last if channels_last else _unchanged
        return Passes(
            [order(batch) for batch in self.calibration],
            [[order(part) for part in _pieces(batch, piece)] for (batch,) in self.validation],
            channels_last,
            self.objective,
        )


def _agree(one: Passes, other: Passes, generator: Generator, architecture: Architecture) -> bool:
    """True if a subnet has the same outputs in two ways, up to rounding; failing is not the same."""
    try:
        pairs = zip(
            one.outputs(generator, architecture),
            other.outputs(generator, architecture),
            strict=True,
        )
        return all(_close(a, b) for a, b in pairs)
    except (RuntimeError, TypeError, ValueError):
        return False


def _close(one: Any, other: Any) -> bool:
    if not isinstance(one, Tensor) or not isinstance(other, Tensor) or one.shape != other.shape:
        return False
    return bool((one - other).abs().max() <= _TOLERANCE * one.abs().max())


def _channels_last(value: Any) -> Any:
    """The same structure, whose 4-d tensors have their channels last in memory."""
    return map_tensors(
        lambda t: t.to(memory_format=torch.channels_last) if t.dim() == 4 else t, value
    )


def _unchanged(value: Any) -> Any:
    return value


def _head(batch: Arguments, num: int) -> Arguments:
    """The first examples of a batch, where its tensors are as long as one another."""
    return batch if _length(batch) is None else map_tensors(lambda t: t[:num], batch)


def _pieces(batch: Arguments, num: int) -> list[Arguments]:
    """A batch cut into pieces, where its tensors are as long as one another."""
    length = _length(batch)
    if length is None or length <= num:
        return [batch]
    return [
        map_tensors(lambda t, start=start: t[start : start + num], batch)
        for start in range(0, length, num)
    ]


def _length(batch: Arguments) -> int | None:
    found = {t.shape[0] if t.dim() else None for t in tensors(batch)}
    return found.pop() if len(found) == 1 else None


def _joined(outputs: Sequence[Any]) -> Any:
    """The outputs of a batch.

    Raises:
        TypeError: if it has several pieces, and outputs that are no tensors.
    """
    return outputs[0] if len(outputs) == 1 else torch.cat(list(outputs))
