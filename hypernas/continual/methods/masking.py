"""Methods of masks: each task uses a part of one bank, and may train some of it."""

import contextlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from hypernas.continual.method import Method, Phase, Stored, as_part, num_bytes, only, part_of
from hypernas.data import Data, num_examples
from hypernas.generators import Generator, running_statistics
from hypernas.masks import (
    Masked,
    Ownership,
    Packed,
    TaskTensors,
    make_signed,
    neighbour_accuracy,
    transferred,
)
from hypernas.masks.transfer import Penultimate, Transfer
from hypernas.subnet.arguments import Arguments

_LOOKED_AT = 2000  # examples of a new task, at most, by which earlier masks are compared
_BATCH = 100
_SHARE = 0.2  # of its examples, as published


class Masking(Method):
    """A mask a task over the parameters of one generator, found first; then what a subclass lets it train of them.

    Scores are those of `hypernas.masks.Supermask`; parameters that are not masked (biases, norms, coefficients) stay as they began,
    or each task has its own of them. Norms have statistics a task.

    Args:
        generator: the bank, of any kind.
        num_tasks: of the stream.
        density: share of each masked parameter that a task keeps.
        masked: patterns of the generator's parameters that are; None for the matrices.
        own: give each task its own of the others.
        signed: begin with signed constants, as published: see `hypernas.masks.make_signed`.
        transfer: none, best, always or mean: see `hypernas.masks.transferred`.
        num_neighbours: of transfer.
        mask_lr_scale: learning rate of scores, relative to the optimizer's.
        mask_share: share of a task's steps that find the mask, before weights are trained.
        weight_lr_scale: learning rate of the weights.
        seed: of the scores.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        num_tasks: int,
        density: float,
        masked: Sequence[str] | str | None,
        own: bool,
        signed: bool,
        transfer: Transfer,
        num_neighbours: int,
        mask_lr_scale: float,
        mask_share: float,
        weight_lr_scale: float,
        seed: int,
    ) -> None:
        super().__init__(generator, num_tasks=num_tasks)
        wrong = {
            "mask_share": None
            if 0 < mask_share <= 1
            else f"above 0 and at most 1, got {mask_share}",
            "mask_lr_scale": None if mask_lr_scale > 0 else f"above 0, got {mask_lr_scale}",
            "weight_lr_scale": None if weight_lr_scale > 0 else f"above 0, got {weight_lr_scale}",
            "num_neighbours": None if num_neighbours >= 1 else f"1 or more, got {num_neighbours}",
        }
        if any(wrong.values()):
            told = "".join(f"\n  {name}: {words}" for name, words in wrong.items() if words)
            raise ValueError(f"settings of masks are out of range; expected were:{told}")
        transferred([], [], chance=0.0, kind=transfer)  # refuse an unknown kind at once
        self.masked = Masked(generator, density=density, masked=masked, seed=seed)
        if signed:
            make_signed(self.masked)
        self.own, self.signed, self.seed = own, signed, seed
        self.transfer: Transfer = transfer
        self.num_neighbours = num_neighbours
        self.mask_lr_scale, self.mask_share = mask_lr_scale, mask_share
        self.weight_lr_scale = weight_lr_scale
        self.packed: list[dict[str, Packed]] = []  # of each task, by parameter
        self._owner = Ownership(self.masked.supermask.shapes)
        self._norms = TaskTensors(lambda: running_statistics(generator))
        self._left = TaskTensors(lambda: self.masked.parameters_left if own else {})
        self._last: tuple[int, dict[str, Tensor]] | None = None  # masks that were unpacked last

    @abstractmethod
    def trainable(self, masks: Mapping[str, Tensor]) -> Mapping[str, Tensor] | None:
        """The entries that a task with these masks trains, by parameter; None for none."""

    def learn(self, task: int, data: Data) -> Iterator[Phase]:
        self._norms.begin()
        self._left.begin()
        self._begin_scores(task, data)
        groups = self.masked.parameter_groups()
        left = only(groups, self.masked.parameters_left.values() if self.own else ())
        scores = only(groups, self.masked.supermask.parameters(), lr_scale=self.mask_lr_scale)
        yield Phase([*scores, *left], share=self.mask_share)
        masks = self.masked.supermask.masks()
        self.packed.append({name: Packed.of(mask) for name, mask in masks.items()})
        entries = self.trainable(masks)
        if entries is not None:
            bank = self.masked.parameters_masked
            yield Phase(
                [*only(groups, bank.values(), lr_scale=self.weight_lr_scale), *left],
                share=1 - self.mask_share,
                entries={bank[name]: own for name, own in entries.items()},
            )
        self._owner.take(masks)
        self._norms.keep(task)
        self._left.keep(task)

    @contextlib.contextmanager
    def using(self, task: int) -> Iterator[Generator]:
        if task >= len(self.packed):
            yield self.masked
            return
        with self.masked.using(self.masks(task)), self._norms.of(task), self._left.of(task):
            yield self.masked

    def masks(self, task: int) -> dict[str, Tensor]:
        """The masks of a task that was learned, by parameter."""
        if self._last is None or self._last[0] != task:
            device = self.masked.device
            own = {name: packed.mask().to(device) for name, packed in self.packed[task].items()}
            self._last = task, own
        return self._last[1]

    def _begin_scores(self, task: int, data: Data) -> None:
        """Draw the scores of a new task, or begin with what earlier ones have found."""
        seed = (self.seed * 1_000_003 + task) % 2**62
        self.masked.supermask.draw(seed)
        if self.transfer == "none" or not task:
            return
        accuracies = self._accuracies(task, data)
        masks = [self.masks(j) for j in range(task)]
        votes = transferred(masks, accuracies, chance=1 / data.num_classes, kind=self.transfer)
        if votes is not None:
            self.masked.supermask.begin_at(votes, seed=seed)

    @torch.no_grad()
    def _accuracies(self, task: int, data: Data) -> list[float]:
        """Those of nearest neighbours on a new task, by the features of each earlier task's mask."""
        largest = self.masked.subnet(self.generator.space.largest())
        size = min(_BATCH, num_examples(data.train))
        batches = data.batches(batch_size=size, device=self.masked.device)
        num = max(1, min(_LOOKED_AT, int(_SHARE * batches.num_examples)) // batches.batch_size)
        some = list(islice(batches.starting_at(0), num))
        labels = torch.cat([targets for _, targets in some])
        seen = Penultimate(largest.target.module)
        found = []
        try:
            for earlier in range(task):
                with self.using(earlier) as generator:
                    generator.eval()
                    call = partial(generator.call, largest, weights=generator(largest))
                    features = [seen.of(partial(call, Arguments.of(x))) for x, _ in some]
                accuracy = neighbour_accuracy(
                    torch.cat(features), labels, num_neighbours=self.num_neighbours
                )
                found.append(accuracy)
        finally:
            seen.close()
        return found

    def stored(self) -> Stored:
        codes = [sum(len(p.code) for p in own.values()) for own in self.packed]
        tasks = []
        for task, code in enumerate(codes):
            parts = {"masks": code, "statistics": self._norms.num_bytes(task)}
            tasks.append(parts | {"own": self._left.num_bytes(task)})
        bits = [sum(len(p.bits) for p in own.values()) for own in self.packed]
        return Stored({"bank": self._bank_bytes()}, tasks, bits=bits, codes=codes)

    def _bank_bytes(self) -> int:
        """Bytes of the generator without what tasks have of their own."""
        own = sum(buffer.nbytes for buffer in running_statistics(self.generator).values())
        left = sum(p.nbytes for p in self.masked.parameters_left.values()) if self.own else 0
        return num_bytes(self.generator) - own - left

    def state(self) -> dict[str, Tensor]:
        codes = {
            f"{task}/{name}": torch.from_numpy(np.frombuffer(packed.code, np.uint8).copy())
            for task, own in enumerate(self.packed)
            for name, packed in own.items()
        }
        return (
            as_part(self.generator.state_dict(), "generator")
            | as_part(codes, "masks")
            | as_part(self._norms.state(), "norms")
            | as_part(self._left.state(), "own")
        )

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.generator.load_state_dict(part_of(state, "generator"))
        self._norms.restore(part_of(state, "norms"))
        self._left.restore(part_of(state, "own"))
        shapes, self._last = self.masked.supermask.shapes, None
        found: dict[int, dict[str, Packed]] = {}
        for key, code in part_of(state, "masks").items():
            task, _, name = key.partition("/")
            packed = Packed.decoded(code.numpy().tobytes(), tuple(shapes[name]))
            found.setdefault(int(task), {})[name] = packed
        self.packed = [found[task] for task in sorted(found)]
        self._owner = Ownership(shapes)
        for own in self.packed:
            self._owner.take({name: packed.mask() for name, packed in own.items()})
