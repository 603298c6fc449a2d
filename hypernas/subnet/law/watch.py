"""Acts at each call of the large network, beside what the small one's call did."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from hypernas.subnet.arguments import Arguments
from hypernas.subnet.law.candidates import Candidate
from hypernas.subnet.law.classes import Unit, pattern_of, trials_of
from hypernas.subnet.law.inputs import copied
from hypernas.subnet.law.match import Map, Unknown, compared, tensors
from hypernas.subnet.law.scalars import Place

if TYPE_CHECKING:
    from hypernas.subnet.law.pair import Pair


_MOST_TRIALS = 150  # of one layer, for each way to group its axes


class Departed(Exception):
    """The large network computes something else than the small one, from here on.

    Attributes:
        path: of the layer; "" for what the whole network puts out.
        when: how many calls of layers went well.
        inputs: True if already what the layer reads is different.
    """

    def __init__(self, path: str, when: int, *, inputs: bool) -> None:
        super().__init__(path)
        self.path, self.when, self.inputs = path, when, inputs


class Incomparable(Exception):
    """Outputs of which nothing can be compared."""


@dataclass(frozen=True)
class Call:
    """A call of a layer of the small network: which one, what it read and put out."""

    number: int
    inputs: list[Tensor]
    outputs: Any


class Watch:
    """Follow the small network's calls with those of the large one."""

    def __init__(self, pair: "Pair", *, bypass: bool, thorough: bool) -> None:
        self.own, self.bypass, self.thorough = pair, bypass, thorough
        self.weights = {name: pair.weight(name) for name in pair.large.target.shapes}
        paths = set(pair.small.names.values())
        self.absent = {
            path
            for path in pair.large.names.values()
            if path and path not in paths and path.rpartition(".")[0] in paths
        }

    def before(self, path: str, time: int, module: nn.Module, given: Arguments) -> None:
        call = self.own.call(path, time)
        if call is None:
            return
        try:
            maps = list(compared(tensors(given), call.inputs))
        except Unknown:
            maps = []
        if any(where is None for where in maps):
            if self._computes((path, time), module, given, {}, call):
                return  # it reads no more of them than their shape, say
            raise Departed(path, call.number, inputs=True)
        if self.own.shrinking(path):
            self._fit((path, time), call, module, given, [m for m in maps if m])

    def _fit(
        self, place: Place, call: Call, module: nn.Module, given: Arguments, maps: Sequence[Map]
    ) -> None:
        """Bring the layer's slices in the order of what it reads, where that is another."""
        path = place[0]
        for others in self._orders(path, maps):
            trial = {n: self.own.padded(n, others) for n in {unit[0] for unit in others}}
            if self._computes(place, module, given, trial, call):
                self.own.taken |= others
                self.weights |= trial
                _place(module, path, trial)
                if others:
                    self.own.solved[pattern_of(path)] = {u: c.axis for u, c in others.items()}
                return
        raise Departed(path, call.number, inputs=False)

    def _orders(self, path: str, maps: Sequence[Map]) -> Iterator[dict[Unit, Candidate]]:
        """Slices as they are; as in a layer like this; with one axis as the inputs are; and any others."""
        yield {}
        likes = {
            (pattern_of(name), axis): expression
            for (name, axis), expression in self.own.solved.get(pattern_of(path), {}).items()
        }
        if likes:
            yield {
                unit: candidate
                for unit in self.own.shrinking(path)
                for candidate in self.own.candidates(unit)
                if candidate.axis == likes.get((pattern_of(unit[0]), unit[1]))
            }
        yield from self._as_read(path, maps)
        if self.thorough:
            yield from trials_of(self.own, self.own.shrinking(path), most=_MOST_TRIALS)

    def _as_read(self, path: str, maps: Sequence[Map]) -> Iterator[dict[Unit, Candidate]]:
        """One axis of each parameter in the order of the inputs, where there is an expression for it."""
        read = {len(where): where for found in maps for where in found.values()}
        by_place: dict[int, dict[Unit, Candidate]] = {}
        for unit in self.own.shrinking(path):
            where = read.get(self.own.pair(unit)[1])
            for candidate in [] if where is None else self.own.candidates(unit):
                if candidate.taken.indices == where:
                    by_place.setdefault(unit[1], {})[unit] = candidate
        for place in sorted(by_place, reverse=True):
            yield by_place[place]
            matrices = {  # a bias stands beside the outputs
                unit: candidate
                for unit, candidate in by_place[place].items()
                if len(self.own.slices[unit[0]].axes) > 1
            }
            if matrices and matrices != by_place[place]:
                yield matrices

    def _computes(
        self,
        place: Place,
        module: nn.Module,
        given: Arguments,
        trial: Mapping[str, Tensor],
        call: Call,
    ) -> bool:
        """True if a layer's outputs contain the small one's, under other weights."""
        path = place[0]
        before = {name: self.weights[name] for name in trial}
        try:
            _place(module, path, trial)
            with self.own.large.trial(*place):
                args, kwargs = copied(given)
                outputs = module.forward(*args, **kwargs)
        finally:
            _place(module, path, before)
        try:
            return all(where is not None for where in compared(tensors(outputs), call.outputs))
        except Unknown:
            return True

    def after(self, path: str, time: int, module: nn.Module, given: Arguments, outputs: Any) -> Any:
        if not self.bypass or path not in self.absent:
            return None
        read = next((t for t in tensors(given) if t.is_floating_point()), None)
        leaves, spec = tree_flatten(outputs)
        for i, leaf in enumerate(leaves):
            if read is not None and isinstance(leaf, Tensor) and leaf.shape == read.shape:
                leaves[i] = read
                return tree_unflatten(leaves, spec)
        return None


def _place(module: nn.Module, path: str, weights: Mapping[str, Tensor]) -> None:
    """Put weights where a module of a running target keeps its tensors."""
    for name, weight in weights.items():
        owner, _, leaf = name.removeprefix(f"{path}." if path else "").rpartition(".")
        module.get_submodule(owner)._parameters[leaf] = weight  # pyright: ignore
