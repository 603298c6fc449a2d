"""Factors of the axes of a parameter, in the notation of einops."""

import keyword
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from einops.parsing import ParsedExpression
from torch import nn

_NUMBER_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8}


@dataclass(frozen=True)
class Layout:
    """Factors that the axes of a parameter are products of, in the notation of einops.

    `"(three heads dim) model"` says that the first axis is three blocks of `heads` blocks of `dim`
    rows; a subnet takes the first of each factor. The size of a factor is, in this order: in
    `sizes`; a number or a number word; the architecture's choice of that name; an integer
    attribute of that name of the module which owns the parameter, or of one around it; and for one
    factor of each axis what is left.

    Args:
        pattern: one name or one parenthesised product for each axis of the parameter.
        sizes: factor -> size, where it is the same in every subnet.
        centre: factors whose middle is taken instead of their start.
    """

    pattern: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    centre: tuple[str, ...] = ()

    def axes(self, name: str, dim: int) -> list[list[str]]:
        """The names of the factors of each of the `dim` axes of parameter `name`.

        Raises:
            ValueError: if the pattern cannot be read, or names another number of axes.
        """
        # einops reads no number but 1 and no keyword, so they travel as names
        pattern = " ".join(
            "".join(f"word__{part}" if _reserved(part) else part for part in _parts(word))
            for word in self.pattern.split()
        )
        try:
            composition = ParsedExpression(pattern).composition
            axes = [[f.removeprefix("word__") for f in axis] for axis in composition]
        except Exception as error:
            raise ValueError(
                f"{name}: the layout {self.pattern!r} cannot be read: {error}"
            ) from None
        if len(axes) != dim or any(not axis for axis in axes):
            raise ValueError(f"{name}: the layout {self.pattern!r} must name {dim} axes.")
        return axes

    def factors(
        self,
        name: str,
        shape: tuple[int, ...],
        module: nn.Module,
        architecture: Mapping[str, Any],
    ) -> list[tuple[int, ...]]:
        """The sizes of the factors of each axis of parameter `name` of a module.

        Raises:
            ValueError: if they cannot be told.
        """
        result = []
        for factors, total in zip(self.axes(name, len(shape)), shape, strict=True):
            if len(factors) == 1:
                result.append((total,))
                continue
            known = {f: self._size(f, name, module, architecture) for f in factors}
            unknown = [f for f, size in known.items() if size is None]
            product = math.prod(size for size in known.values() if size is not None)
            if len(unknown) > 1 or total % product or (not unknown and product != total):
                raise ValueError(
                    f"{name}: the layout {self.pattern!r} does not tell the factors of an axis of "
                    f"{total}: known are { {f: s for f, s in known.items() if s is not None} }, "
                    f"unknown {unknown}. Name factors after choices or attributes of the module, or "
                    f"give Layout({self.pattern!r}, sizes={{...}}); one factor an axis may stay unknown."
                )
            result.append(
                tuple(total // product if known[f] is None else known[f] for f in factors)
            )
        return result

    def _size(
        self, factor: str, name: str, module: nn.Module, architecture: Mapping[str, Any]
    ) -> int | None:
        if factor in self.sizes:
            return self.sizes[factor]
        if factor.isdigit() or factor in _NUMBER_WORDS:
            return int(factor) if factor.isdigit() else _NUMBER_WORDS[factor]
        candidates = [
            architecture.get(factor),
            *(getattr(m, factor, None) for m in owners(module, name)),
        ]
        integers = [c for c in candidates if isinstance(c, int) and not isinstance(c, bool)]
        return integers[0] if integers else None


def layout_of(name: str, layouts: Mapping[str, Any]) -> Layout | str | None:
    """The layout whose pattern matches the parameter's name, if there is one.

    Raises:
        ValueError: if two match.
    """
    matches = [pattern for pattern in layouts if fnmatchcase(name, pattern)]
    if len(matches) > 1:
        raise ValueError(f"{name} matches the layouts {matches}: write patterns that exclude it.")
    return layouts[matches[0]] if matches else None


def owners(module: nn.Module, name: str) -> Iterator[nn.Module]:
    """The module that owns parameter `name`, then those around it, outwards."""
    around = [module]
    for part in name.split(".")[:-1]:
        inner = around[-1]._modules[part]  # `get_submodule` takes three times as long
        if inner is not None:
            around.append(inner)
    return reversed(around)


def _reserved(part: str) -> bool:
    return part.isdigit() or keyword.iskeyword(part)


def _parts(word: str) -> list[str]:
    """Split the parentheses off a word of a pattern."""
    head = "(" * (len(word) - len(word.lstrip("(")))
    tail = ")" * (len(word) - len(word.rstrip(")")))
    return [head, word.strip("()"), tail]
