"""Chains of modules: the same cut of a shallow network and of a deep one, and hybrids of both."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn

from hypernas.border import checked
from hypernas.growth.network import Network
from hypernas.growth.subspace import subspace
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.skeleton import build_skeleton
from hypernas.subnet.target import generated_shapes

# Legend: K modules; the meta network has one entry of the list for each, the target one or more.


class Chain:
    """A list that input passes through, cut in K modules of consecutive entries.

    What stands before the list (an embedding, a stem, bare parameters of the network) is of the first
    module, what stands after it (a norm, a head) of the last one. A weight that is used in both, as
    an embedding that is also the head, is of none. Before and after are told by the order in which the network
    declares its parts, which is to be the one in which it calls them.

    Args:
        space: the search space.
        meta: the architecture that has one entry for each module.
        to: the one that has as many or more.
        path: of the list, an `nn.ModuleList` or `nn.Sequential`; None for the only one that is not in another.

    Raises:
        ValueError: if there is no such list, or the two networks differ around it.
    """

    @checked
    def __init__(
        self,
        space: SearchSpace,
        *,
        meta: Mapping[str, Any] | str,
        to: Mapping[str, Any] | str,
        path: str | None = None,
    ) -> None:
        self.space = space
        self.meta, self.to = space.architecture(meta), space.architecture(to)
        small, large = (build_skeleton(space, a) for a in (self.meta, self.to))
        self.path = _outermost(large) if path is None else path
        counts = [len(list(_entries(module, self.path))) for module in (small, large)]
        self.num_modules, self._num_entries = counts
        self._check(small, large)
        self.tied = set(Network(space, self.to).tied)
        self._order = [place for place, _ in large.named_modules()]
        self._hybrids: dict[int, SearchSpace] = {}

    def run(self, i: int) -> range:
        """The entries of the target's list that are module `i`: as many as in others, or one less or more."""
        first, last = (round(k * self._num_entries / self.num_modules) for k in (i, i + 1))
        return range(first, last)

    def hybrid(self, i: int) -> SearchSpace:
        """The target's module `i` in the meta network, as the space of the target's architecture alone."""
        if i not in self._hybrids:
            own = {"meta": self.meta, "path": self.path, "i": i, "run": self.run(i)}
            build = partial(_hybrid, space=self.space, **own)
            self._hybrids[i] = subspace(self.space, self.to, build)
        return self._hybrids[i]

    def entries(self, i: int, *, meta: bool) -> SearchSpace:
        """Module `i` by itself, of the meta network or of the target: a list from entry 0 on."""
        run = range(i, i + 1) if meta else self.run(i)
        build = partial(_list, space=self.space, path=self.path, run=run)
        return subspace(self.space, self.meta if meta else self.to, build)

    def owned(self, i: int) -> dict[str, str]:
        """Tensors of hybrid `i` that are of its module -> the same in the target."""
        start, num = self.run(i).start, len(self.run(i))
        found = {}
        for name, entry, rest in self._placed(self.hybrid(i)):
            if entry is None:
                found |= {name: name} if i in self._sides(name) else {}
            elif i <= entry < i + num:
                found[name] = f"{self.path}.{start + entry - i}.{rest}"
        return found

    def inherited(self, i: int) -> dict[str, str]:
        """Tensors of hybrid `i` that the meta network has -> their names there."""
        num = len(self.run(i))
        found = {}
        for name, entry, rest in self._placed(self.hybrid(i)):
            if entry is None:
                found[name] = name
            elif not i <= entry < i + num:
                there = entry if entry < i else entry - num + 1
                found[name] = f"{self.path}.{there}.{rest}"
        return found

    def _placed(self, space: SearchSpace) -> list[tuple[str, int | None, str]]:
        """Every weight and statistic, the entry of the list that it is in, and its name there."""
        module = build_skeleton(space, space.largest())
        placed = []
        for name in [*generated_shapes(module), *norm_statistics(module)]:
            if name.startswith(f"{self.path}."):
                entry, _, rest = name.removeprefix(f"{self.path}.").partition(".")
                placed.append((name, int(entry), rest))
            else:
                placed.append((name, None, name))
        return placed

    def _sides(self, name: str) -> set[int]:
        """The module that a tensor around the list is of; none for one that is tied."""
        if name in self.tied:
            return set()
        places = [self._order.index(place) for place in (name.rpartition(".")[0], self.path)]
        before = places[0] < places[1]
        return {0 if before else self.num_modules - 1}

    def _check(self, small: nn.Module, large: nn.Module) -> None:
        """Refuse networks that are no shallow and deep form of each other."""
        if not 0 < self.num_modules <= self._num_entries:
            raise ValueError(
                f"the meta network has {self.num_modules} entries in {self.path!r} and the target "
                f"{self._num_entries}: a module for each entry of the meta network takes 1 to "
                f"{self._num_entries}. Give another member."
            )
        around = [
            {
                n: tuple(s)
                for n, s in generated_shapes(m).items()
                if not n.startswith(f"{self.path}.")
            }
            for m in (small, large)
        ]
        names = dict.fromkeys(n for own in around for n in own)
        shapes = [(n, *(own.get(n, "none") for own in around)) for n in names]
        wrong = [f"{n}: {a} in the meta network, {b} in the target" for n, a, b in shapes if a != b]
        if wrong:
            raise ValueError(
                f"{self.meta} cannot be the meta network of {self.to}:\n  "
                + "\n  ".join(wrong)
                + f"\nThe two differ inside {self.path!r} only: give a member as wide as the target."
            )


def _outermost(module: nn.Module) -> str:
    """The path of the only list of modules that is in no other.

    Raises:
        ValueError: if there is none, or several.
    """
    lists = [path for path, part in module.named_modules() if path and _is_list(part)]
    found = [path for path in lists if not any(path.startswith(f"{other}.") for other in lists)]
    if len(found) != 1:
        raise ValueError(
            f"a chain of modules is one nn.ModuleList or nn.Sequential; this network has {found} "
            f"outside of others. Name one by growth.chain=PATH."
        )
    return found[0]


def _entries(module: nn.Module, path: str) -> nn.ModuleList | nn.Sequential:
    try:
        found = module.get_submodule(path)
    except AttributeError:
        found = None
    if not isinstance(found, nn.ModuleList | nn.Sequential) or not _is_list(found):
        raise ValueError(
            f"chain: expected the path of an nn.ModuleList or nn.Sequential, got {path!r}; there are "
            f"{[p for p, part in module.named_modules() if p and _is_list(part)]}."
        )
    return found


def _is_list(module: nn.Module) -> bool:
    return type(module) in (nn.ModuleList, nn.Sequential)


def _hybrid(
    architecture: Architecture,
    *,
    space: SearchSpace,
    meta: Architecture,
    path: str,
    i: int,
    run: range,
) -> nn.Module:
    small, large = space.build(meta), space.build(architecture)
    shallow, deep = _entries(small, path), _entries(large, path)
    own = list(shallow)
    every = [*own[:i], *(deep[k] for k in run), *own[i + 1 :]]
    small.set_submodule(path, _listed(shallow, every))
    return small


def _list(architecture: Architecture, *, space: SearchSpace, path: str, run: range) -> nn.Module:
    own = _entries(space.build(architecture), path)
    return nn.ModuleList(own[k] for k in run)


def _listed(like: nn.Module, entries: list[nn.Module]) -> nn.Module:
    return nn.Sequential(*entries) if isinstance(like, nn.Sequential) else nn.ModuleList(entries)
