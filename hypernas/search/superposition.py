"""Superpositions of subnets: masks of the largest weights that choices of uncertain value leave open."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.slicing import Slice
from hypernas.space import Architecture, SearchSpace
from hypernas.space.architecture import Value
from hypernas.subnet.supernet import Supernet

_NUM_CHECKS = 8  # random architectures that masks are compared with
Slices = Mapping[str, Slice]  # of parameters, by name

# Legend: one parameter, of whose axes some depend on the same choices; K combinations of their values.


@dataclass(frozen=True)
class _Part:
    """Axes of a parameter that depend on the same choices, and which of their entries each combination takes."""

    choices: tuple[str, ...]
    combinations: Tensor  # shape: (K, choices), positions of values
    axes: tuple[int, ...]
    taken: tuple[
        Tensor, ...
    ]  # for each axis, shape (K, size), 1 where an entry is taken and else 0

    def __call__(self, weights: Mapping[str, Tensor]) -> Tensor:  # shape: that of the axes
        each = [weights[c][self.combinations[:, i]] for i, c in enumerate(self.choices)]
        product = torch.stack(each).prod(0)
        letters = "abcdefgh"[: len(self.axes)]
        equation = "k," + ",".join(f"k{letter}" for letter in letters) + f"->{letters}"
        return torch.einsum(equation, product, *(t.to(product) for t in self.taken))


class Superposition:
    """Σ_a p(a) pad(slice_a(W)) of the weights W of the largest architecture, as W times a mask.

    p(a) is the product of the weights of the values that a has. As all slices are of one tensor, this is
    a soft mask, and costs no memory for each value (Sukthanker et al., "Weight-entanglement meets gradient-based NAS", 2024,
    arXiv 2312.10440). Slices follow layouts and centres of kernels. An architecture that lacks a parameter counts as zeros, so depth
    is mixed in the weights of the blocks; the paper mixes the outputs after each layer.

    Args:
        space: of ordered choices.

    Attributes:
        choices: name -> how many values it has, of those with several.

    Raises:
        ValueError: if choices are not ordered or change no weight, or the largest architecture does not
            have the largest shape of each parameter.
    """

    @checked
    def __init__(self, space: SearchSpace, *, most_combinations: int = 4096) -> None:
        self.space = space
        self.choices = {n: len(c.values) for n, c in space.choices.items() if len(c.values) > 1}
        self._supernet = Supernet(space)
        self._known: dict[Architecture, Slices] = {}
        whole = self._slices({})
        reasons = [f"{n}: not ordered" for n in self.choices if not space.choices[n].ordered]
        reasons += [f"{n}: not whole in the largest" for n, s in whole.items() if not s.whole]
        if reasons:
            raise ValueError("this space has no masks for gradients:\n  " + "\n  ".join(reasons))
        affecting = self._affecting(whole)
        idle = set(self.choices).difference(*affecting.values())
        if idle:
            raise ValueError(
                f"the choices {sorted(idle)} change the slice of no parameter, so weights give them no "
                f"gradient: fix them at one value, or search by evaluations."
            )
        self._parts = {
            name: self._parts_of(name, choices, whole[name], most_combinations)
            for name, choices in affecting.items()
        }
        self._known.clear()
        self._check()

    def masks(
        self,
        weights: Mapping[str, Tensor],  # choice -> shape (V,), of sum 1
    ) -> dict[str, Tensor]:
        """The mask of each parameter that a choice changes, of its shape or broadcasting to it."""
        found: dict[str, Tensor] = {}
        for name, parts in self._parts.items():
            dim = len(self._supernet.shapes[name])
            mask: Tensor | None = None
            for part in parts:
                factor = part(weights)
                spread = [s if i in part.axes else 1 for i, s in _sizes(part, factor, dim)]
                factor = factor.reshape(spread)
                mask = factor if mask is None else mask * factor
            if mask is not None:
                found[name] = mask
        return found

    def __call__(
        self, generated: Mapping[str, Tensor], weights: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """The superposed weights, from those of the largest architecture."""
        masks = self.masks(weights)
        return {n: w * masks[n] if n in masks else w for n, w in generated.items()}

    def _slices(self, changes: Mapping[str, Value]) -> Slices:
        """The slices of the architecture with some values, and else the last ones."""
        last = {name: choice.values[-1] for name, choice in self.space.choices.items()}
        architecture = self.space.architecture({**last, **changes})
        if architecture not in self._known:
            self._known[architecture] = self._supernet.slices(architecture).weights
        return self._known[architecture]

    def _affecting(self, whole: Slices) -> dict[str, list[str]]:
        """Parameter -> choices that change its slice, alone or beside one other that is not the largest."""
        found: dict[str, set[str]] = {name: set() for name in whole}
        single = [{c: v} for c in self.choices for v in self.space.choices[c].values[:-1]]
        for base in [{}, *single]:
            before = self._slices(base)
            for change in single:
                (choice,) = change
                after = before if choice in base else self._slices({**base, **change})
                if after is before:
                    continue
                for name, choices in found.items():
                    if after.get(name) != before.get(name):
                        choices.add(choice)
        ordered = {name: [c for c in self.choices if c in own] for name, own in found.items()}
        return {name: choices for name, choices in ordered.items() if choices}

    def _check(self) -> None:
        """Compare masks of certain choices with the slices of random architectures."""
        rng = torch.Generator().manual_seed(0)
        for _ in range(_NUM_CHECKS):
            architecture = self.space.sample(rng)
            certain = {
                c: torch.tensor(
                    [float(v == architecture.get(c)) for v in self.space.choices[c].values]
                )
                for c in self.choices
            }
            certain = {
                c: w if w.any() else w.index_fill(0, torch.tensor(-1), 1)
                for c, w in certain.items()
            }
            slices = self._supernet.slices(architecture).weights
            ones = {name: torch.ones(shape) for name, shape in self._supernet.shapes.items()}
            for name, mask in self(ones, certain).items():
                expected = torch.zeros_like(mask)
                if name in slices:
                    slices[name].add(expected, torch.ones(slices[name].shape))
                if not torch.equal(mask, expected):
                    raise ValueError(
                        f"{name} is cut by three or more choices in a way of which there is no mask: search "
                        f"by evaluations."
                    )

    def _parts_of(self, name: str, choices: Sequence[str], whole: Slice, most: int) -> list[_Part]:
        """The axes of a parameter, those together that a choice binds."""
        sizes = [self.choices[c] for c in choices]
        if math.prod(sizes) > most:
            raise ValueError(
                f"{name} depends on {math.prod(sizes)} combinations of {list(choices)}, more than {most}."
            )
        combinations = list(itertools.product(*(range(size) for size in sizes)))
        slices = [self._slice(name, dict(zip(choices, c, strict=True))) for c in combinations]
        taken = [
            torch.stack([_indicator(s, whole, axis) for s in slices])
            for axis in range(len(whole.axes))
        ]
        binding = {
            axis: {c for i, c in enumerate(choices) if _varies(rows, combinations, i)}
            for axis, rows in enumerate(taken)
        }
        parts = []
        for axes, own in _bound(binding):
            places = [choices.index(c) for c in own]
            first = {
                tuple(c[i] for i in places): k for k, c in reversed([*enumerate(combinations)])
            }
            rows = list(first.values())
            positions = torch.tensor(list(first)).reshape(len(rows), len(own))
            parts.append(_Part(own, positions, axes, tuple(taken[a][rows] for a in axes)))
        return parts

    def _slice(self, name: str, positions: Mapping[str, int]) -> Slice | None:
        return self._slices({c: self.space.choices[c].values[i] for c, i in positions.items()}).get(
            name
        )


def _sizes(part: _Part, factor: Tensor, dim: int) -> list[tuple[int, int]]:
    """Each axis of the parameter with the size that a part has there, 1 where it has none."""
    own = dict(zip(part.axes, factor.shape, strict=True))
    return [(i, own.get(i, 1)) for i in range(dim)]


def _indicator(part: Slice | None, whole: Slice, axis: int) -> Tensor:  # shape: (size,)
    found = torch.zeros(whole.axes[axis].size)
    if part is not None:
        found[list(part.axes[axis].indices)] = 1
    return found


def _varies(rows: Tensor, combinations: Sequence[tuple[int, ...]], place: int) -> bool:
    """True if a choice, by its place in the combinations, changes what they take."""
    seen: dict[tuple[int, ...], Tensor] = {}
    for row, combination in zip(rows, combinations, strict=True):
        others = combination[:place] + combination[place + 1 :]
        if not torch.equal(seen.setdefault(others, row), row):
            return True
    return False


def _bound(binding: Mapping[int, set[str]]) -> list[tuple[tuple[int, ...], tuple[str, ...]]]:
    """Axes that share choices, with all choices of theirs; axes without choices are left out."""
    groups: list[tuple[set[int], set[str]]] = []
    for axis, choices in binding.items():
        if not choices:
            continue
        joined = [group for group in groups if group[1] & choices]
        groups = [group for group in groups if not group[1] & choices]
        axes = {axis}.union(*(group[0] for group in joined))
        groups.append((axes, choices.union(*(group[1] for group in joined))))
    return [(tuple(sorted(axes)), tuple(sorted(choices))) for axes, choices in groups]
