"""Factors of the axes of a parameter, in the notation of einops, with sums."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, TypeGuard

from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

_NUMBER_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8}

PREFIX = "..."  # the layout of any parameter that says a prefix is meant

Product = list[str]  # names of factors, the slowest first
Sum = list[Product]  # parts that stand one behind the other


@dataclass(frozen=True)
class Layout:
    """Factors that the axes of a parameter are products of, or sums of such products.

    `"(three heads dim) model"` says that the first axis is three blocks of `heads` blocks of `dim`
    rows; a subnet takes the first of each factor. `"out (p + q)"` says that the second axis is `p`
    columns and then `q` columns, of each of which a subnet takes the first. The size of a factor
    is, in this order: in `sizes`; a number or a number word; the architecture's choice of that
    name; an integer attribute of that name of the module which owns the parameter, or of one around
    it, or of the `config` of one of these; and for one factor of each axis what is left.

    `"..."` stands for any axes without factors: it says that a subnet takes the first of each, and is meant to.

    Args:
        pattern: one name or one expression in parentheses for each axis of the parameter.
        sizes: factor -> size, where it is the same in every subnet.
        centre: factors whose middle is taken instead of their start.
    """

    pattern: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    centre: tuple[str, ...] = ()

    def axes(self, name: str, dim: int) -> list[Sum]:
        """The names of the factors of each of the `dim` axes of parameter `name`.

        Raises:
            ValueError: if the pattern cannot be read, or names another number of axes.
        """
        if self.pattern == PREFIX:
            return [[[f"axis{i}"]] for i in range(dim)]
        words = re.findall(r"\([^()]*\)|[^\s()]+|[()]", self.pattern)
        axes = [_sum(word) for word in words]
        if any(axis is None for axis in axes):
            raise ValueError(
                f"{name}: the layout {self.pattern!r} cannot be read: for each axis it has one name, "
                f'or in parentheses a product, or a sum of products, as in "(three heads dim) model" '
                f'or "out (p + q)".'
            )
        if len(axes) != dim:
            raise ValueError(f"{name}: the layout {self.pattern!r} must name {dim} axes.")
        return [axis for axis in axes if axis is not None]

    def factors(
        self,
        name: str,
        shape: tuple[int, ...],
        module: nn.Module,
        architecture: Mapping[str, Any],
    ) -> list[list[tuple[int, ...]]]:
        """The sizes of the factors of each part of each axis of parameter `name` of a module.

        Raises:
            ValueError: if they cannot be told.
        """
        result: list[list[tuple[int, ...]]] = []
        for parts, total in zip(self.axes(name, len(shape)), shape, strict=True):
            if parts == [parts[0][:1]]:
                result.append([(total,)])
                continue
            names = dict.fromkeys(factor for part in parts for factor in part)
            known = {f: self._size(f, name, module, architecture) for f in names}
            sizes = solved(parts, {f: s for f, s in known.items() if s is not None}, total)
            if sizes is None:
                raise ValueError(
                    f"{name}: the layout {self.pattern!r} does not tell the factors of an axis of "
                    f"{total}: known are { {f: s for f, s in known.items() if s is not None} }, "
                    f"unknown {[f for f, s in known.items() if s is None]}. Name factors after choices "
                    f"or attributes of the module, or give Layout({self.pattern!r}, sizes={{...}}); one "
                    f"factor an axis may stay unknown."
                )
            result.append([tuple(sizes[f] for f in part) for part in parts])
        return result

    def _size(
        self, factor: str, name: str, module: nn.Module, architecture: Mapping[str, Any]
    ) -> int | None:
        if factor in self.sizes:
            return self.sizes[factor]
        if factor.isdigit() or factor in _NUMBER_WORDS:
            return int(factor) if factor.isdigit() else _NUMBER_WORDS[factor]
        for held in _holding(module, name, architecture):
            if _is_size(value := held.get(factor)):
                return value
        return None


def _sum(word: str) -> Sum | None:
    """The parts of an axis from its word of a pattern; None where it cannot be read."""
    inner = word[1:-1] if word[0] == "(" else word
    parts = [part.split() for part in inner.split("+")]
    fits = all(part and all(re.fullmatch(r"\w+", factor) for factor in part) for part in parts)
    if word[0] != "(" and (len(parts) > 1 or word.isdigit()):
        return None
    return parts if fits else None


def solved(parts: Sum, known: Mapping[str, int], total: int) -> dict[str, int] | None:
    """The size of every factor, of which one may be unknown; None where the total tells none."""
    unknown = {factor for part in parts for factor in part} - set(known)
    fixed = each = 0  # total = fixed + each * unknown
    for part in parts:
        product = math.prod(known[f] for f in part if f in known)
        missing = [f for f in part if f not in known]
        if len(missing) > 1:
            return None
        fixed, each = (fixed, each + product) if missing else (fixed + product, each)
    if not unknown:
        return dict(known) if fixed == total else None
    if len(unknown) > 1 or not each or (total - fixed) % each or total <= fixed:
        return None
    return {**known, unknown.pop(): (total - fixed) // each}


def known_sizes(module: nn.Module, name: str, architecture: Mapping[str, Any]) -> dict[str, int]:
    """Sizes that a layout of parameter `name` may name: choices, then attributes from the inside out."""
    found: dict[str, int] = {}
    for held in _holding(module, name, architecture):
        for key, value in held.items():
            if _is_size(value):
                found.setdefault(str(key), value)
    return found


def _holding(
    module: nn.Module, name: str, architecture: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Holders of the sizes that a layout of parameter `name` may name, those that count first in front."""
    around = [vars(part) for part in owners(module, name)]
    configs = [vars(own["config"]) for own in around if hasattr(own.get("config"), "__dict__")]
    return [architecture, *around, *configs[:1]]


def _is_size(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def layout_of(name: str, layouts: Mapping[str, Any]) -> Layout | str | None:
    """The layout whose pattern matches the parameter's name, if there is one.

    A pattern for `conv.weight` is also that of what a parametrization makes it of, such as
    `conv.parametrizations.weight.original1`. A layout "..." gives way to any other that matches.

    Raises:
        ValueError: if two match.
    """
    plain = plain_name(name)
    every = [p for p in layouts if fnmatchcase(name, p) or fnmatchcase(plain, p)]
    matches = [p for p in every if layouts[p] != PREFIX] or every[:1]
    if len(matches) > 1:
        raise ValueError(f"{name} matches the layouts {matches}: write patterns that exclude it.")
    return layouts[matches[0]] if matches else None


def plain_name(name: str) -> str:
    """The name under which a parametrized tensor is known: `conv.weight`."""
    if "parametrizations." not in name:  # nearly every name
        return name
    return re.sub(r"(^|\.)parametrizations\.(\w+)\.original\d*$", r"\1\2", name)


def layout_of_statistic(name: str, layouts: Mapping[str, Any]) -> Layout | str | None:
    """The layout of a norm's statistic: its own, or that of the norm's weight."""
    owner, _, leaf = name.rpartition(".")
    if leaf == "num_batches_tracked":
        return None
    weight = f"{owner}.weight" if owner else "weight"
    return layout_of(name, layouts) or layout_of(weight, layouts)


def owners(module: nn.Module, name: str) -> Iterator[nn.Module]:
    """The module that has parameter `name`, then those around it, outwards.

    Of a parametrized tensor it is the module that computes with it.
    """
    around = [module]
    for part in name.split(".")[:-1]:
        inner = around[-1]._modules[part]  # `get_submodule` takes three times as long
        if inner is not None:
            around.append(inner)
    if len(around) > 2 and isinstance(around[-1], ParametrizationList):
        around = around[:-2]
    return reversed(around)


def written(axes: Sequence[Sum]) -> str:
    """The pattern of axes, as `Layout` reads it."""
    return " ".join(
        axis[0][0]
        if axis == [axis[0][:1]]
        else "(" + " + ".join(" ".join(part) for part in axis) + ")"
        for axis in axes
    )
