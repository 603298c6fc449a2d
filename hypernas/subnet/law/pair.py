"""A small network followed, layer by layer, by the largest one that runs on its padded weights."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.slicing.layout import Sum, known_sizes, owners
from hypernas.slicing.slice import Slice
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.law.candidates import Candidate, Sizes, candidates, named_sizes
from hypernas.subnet.law.classes import Unit
from hypernas.subnet.law.inputs import copied
from hypernas.subnet.law.match import Unknown, compared, tensors
from hypernas.subnet.law.network import After, Before, Network
from hypernas.subnet.law.scalars import Scalars
from hypernas.subnet.law.watch import Call, Departed, Incomparable, Watch
from hypernas.subnet.law.weights import drawn


class Pair:
    """Two networks of a space, of which the small one's weights are to be slices of the large one's.

    Args:
        networks: large and small, or skeletons' networks.
        architectures: of both.
        arguments: inputs on which both can run.
        slices: parameter or statistic -> its slice under the layouts so far.
        fixed: parameters whose layout the user has written, which stays.

    Attributes:
        taken: what a unit takes instead of its slice's axis, with the expression that says so.
        solved: layer, with its numbers left open -> expressions that made one like it right.
        departing: `taken` as it was where the networks departed last.
        order: paths of layers in the order of the small network's calls.
    """

    def __init__(
        self,
        networks: tuple[Network, Network],
        architectures: tuple[Architecture, Architecture],
        arguments: Arguments,
        slices: Mapping[str, Slice],
        fixed: set[str],
    ) -> None:
        self.large, self.small = networks
        self.architectures, self.arguments = architectures, arguments
        self.slices, self.fixed = slices, fixed
        self.taken: dict[Unit, Candidate] = {}
        self.departing: dict[Unit, Candidate] = {}
        self.solved: dict[str, dict[Unit, Sum]] = {}
        self.scalars = Scalars()
        self.order: list[str] = []
        self._weights = {
            name: drawn(name, shape) for name, shape in self.small.target.shapes.items()
        } | {name: p.detach() for name, p in self.small.target.fixed.parameters.items()}
        self._candidates: dict[object, list[Candidate]] = {}
        self._untrained = set(self.small.target.fixed.parameters)
        self._calls: dict[tuple[str, int], Call] = {}
        self._inputs: dict[tuple[str, int], list[Tensor]] = {}
        self.outputs = self._computed({}, self.scalars, self._note_inputs, self._note_outputs)
        self._buffers = self._padded_buffers(dict(self.small.module.named_buffers()))
        self._padded: dict[str, Tensor] = {}

    def again(self, others: Mapping[str, Tensor], *, after: After) -> Any:
        """Outputs of the small network with other weights for some parameters; see `Network.run`."""
        return self._computed(others, Scalars(), lambda *_: None, after)

    def _computed(
        self, others: Mapping[str, Tensor], scalars: Scalars, before: Before, after: After
    ) -> Any:
        buffers = self.small.module.named_buffers()
        return self.small.run(
            {**self._weights, **others},
            copied(self.arguments),
            buffers={name: buffer.clone() for name, buffer in buffers},
            scalars=scalars,
            follow=False,
            before=before,
            after=after,
        )

    def _note_inputs(self, path: str, time: int, module: nn.Module, given: Arguments) -> None:
        if path in self.small.leaves:
            self._inputs[path, time] = [t.clone() for t in tensors(given)]

    def _note_outputs(
        self, path: str, time: int, module: nn.Module, given: Arguments, outputs: object
    ) -> None:
        if path in self.small.leaves:
            kept = [t.clone() for t in tensors(outputs)]
            self._calls[path, time] = Call(len(self.order), self._inputs.pop((path, time)), kept)
            self.order.append(path)

    def _padded_buffers(self, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The small network's buffers in the large one's shapes, zero where there are none."""
        found: dict[str, Tensor] = {}
        for name, buffer in self.large.module.named_buffers():
            part = own.get(name)
            if part is None or part.dim() != buffer.dim():
                continue
            if any(p > b for p, b in zip(part.shape, buffer.shape, strict=True)):
                continue
            found[name] = part.clone()
            if part.shape != buffer.shape:
                found[name] = torch.zeros_like(buffer)
                where = self.slices.get(name)
                if where is not None:
                    where.put(found[name], part)
                else:
                    found[name][tuple(slice(0, s) for s in part.shape)] = part
        return found

    # --- weights -------------------------------------------------------------------------------

    def slice(self, name: str, others: Mapping[Unit, Candidate] | None = None) -> Slice:
        """The slice of a parameter as it is taken now, or under other candidates."""
        changed = {**self.taken, **(others or {})}
        axes = self.slices[name].axes
        found = [changed.get((name, i)) for i in range(len(axes))]
        return Slice(tuple(a if c is None else c.taken for a, c in zip(axes, found, strict=True)))

    def padded(self, name: str, others: Mapping[Unit, Candidate] | None = None) -> Tensor:
        """A weight of the large network: the small one's in its place, and zeros."""
        fixed = self.large.target.fixed.parameters.get(name)
        if fixed is not None and name not in self.slices:
            return fixed.detach()
        whole = torch.zeros(self.large.target.shapes[name])
        if fixed is not None:
            whole = torch.zeros_like(fixed)
        if name in self._weights:
            where = self.slice(name, others)
            (whole.copy_ if where.whole else lambda w: where.put(whole, w))(self._weights[name])
        return whole

    def shrinking(self, path: str) -> list[Unit]:
        """The axes of a layer's parameters that are shorter in the small network."""
        return [
            (name, i)
            for name in self.small.parameters_of(path)
            if name in self.slices and name not in self.fixed and name not in self._untrained
            for i, axis in enumerate(self.slices[name].axes)
            if not axis.whole
        ]

    def pair(self, unit: Unit) -> tuple[int, int]:
        """The size of an axis in the large and in the small network."""
        axis = self.slices[unit[0]].axes[unit[1]]
        return math.prod(axis.large), axis.size

    def names(self, name: str, total: int) -> Sizes:
        """The sizes with names that a layout of a parameter may use."""
        found = []
        for network, architecture in zip((self.large, self.small), self.architectures, strict=True):
            sizes = known_sizes(network.module, name, architecture)
            own = vars(next(owners(network.module, name)))
            outer = {key: size for key, size in sizes.items() if key not in own}
            found.append({**outer, **sizes})
        return named_sizes(found[0], found[1], total)

    def candidates(self, unit: Unit) -> list[Candidate]:
        """The ways to write an axis, the simplest first."""
        large, small = self.pair(unit)
        names = self.names(unit[0], large)
        key = large, small, tuple(names.items()), unit[1]
        if key not in self._candidates:
            self._candidates[key] = list(candidates(large, small, names, free=f"axis{unit[1]}"))
        return self._candidates[key]

    # --- the law -------------------------------------------------------------------------------

    def follow(
        self,
        others: Mapping[Unit, Candidate] | None = None,
        *,
        bypass: bool = True,
        thorough: bool = False,
    ) -> None:
        """Run the large network on the padded weights, beside what the small one computed.

        What a layer reads in another order than its slices have is followed where it can be.

        Args:
            others: candidates to try; they stay if nothing departs.
            bypass: a module that the small network lacks passes on what it reads; else it computes with
                zeros.
            thorough: try every combination for a layer that puts out something else.

        Raises:
            Departed: where they differ first.
        """
        before = dict(self.taken)
        self.taken |= others or {}
        try:
            self._follow(Watch(self, bypass=bypass, thorough=thorough))
        except Departed:
            self.departing, self.taken = self.taken, before
            raise

    def _follow(self, watch: Watch) -> None:
        outputs = self.large.run(
            watch.weights,
            copied(self.arguments),
            buffers={name: buffer.clone() for name, buffer in self._buffers.items()},
            scalars=self.scalars,
            follow=True,
            before=watch.before,
            after=watch.after,
        )
        try:
            found = list(compared(outputs, self.outputs))
        except Unknown:
            raise Incomparable from None
        if any(where is None for where in found):
            raise Departed("", len(self.order), inputs=True)

    def weight(self, name: str) -> Tensor:
        """The padded weight of the large network, remembered while its slice stays the same."""
        changed = any(unit[0] == name for unit in self.taken)
        if changed:
            return self.padded(name)
        if name not in self._padded:
            self._padded[name] = self.padded(name)
        return self._padded[name]

    def call(self, path: str, time: int) -> Call | None:
        """The small network's call of a layer: what it read and put out."""
        return self._calls.get((path, time))

    def calls(self, path: str) -> Iterator[Call]:
        """The small network's calls of a layer, in their order."""
        for time in itertools.count():
            if (call := self.call(path, time)) is None:
                return
            yield call
