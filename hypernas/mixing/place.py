"""Places of tensors that are mixed, some of which are parts of others."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from hypernas.mixing.part import Run


def whole_bank(bank: Tensor) -> Tensor:
    """The vector that is a parameter, and that a bank is a part of; the bank itself where there is none.

    Autograd would make a gradient of the whole vector for each part, of zeros but for that, and add them up.
    """
    whole = bank._base
    if type(whole) is not nn.Parameter or whole.dim() != 1 or not bank.is_contiguous():
        return bank
    return whole


def whole_coefficients(own: Tensor) -> Tensor:
    """Tensor of all that a network emitted, coefficients among it; themselves where they are none, or looked at alone."""
    whole = own._base
    if whole is None or whole.is_leaf or own.is_leaf or own.retains_grad or own._backward_hooks:
        return own
    return whole if whole.is_contiguous() and own.is_contiguous() else own


class Place(NamedTuple):
    """The place of a tensor among all that are mixed.

    Attributes:
        part: the tensor, where it is a part of the one there; None where it is all of it.
    """

    index: int
    part: Tensor | None

    def of(self, tensors: Sequence[Tensor] | Mapping[int, Tensor]) -> Tensor:
        """Tensor of the same place in other tensors."""
        whole, part = tensors[self.index], self.part
        if part is None:
            return whole
        return whole.as_strided(part.shape, part.stride(), whole.storage_offset() + self._first)

    def run(self, tensors: Mapping[int, Tensor]) -> Run:
        """Memory of the same place in other tensors."""
        whole, part = tensors[self.index], self.part
        return (
            Run(whole, 0, whole.numel()) if part is None else Run(whole, self._first, part.numel())
        )

    @property
    def _first(self) -> int:
        part = self.part
        if part is None or part._base is None:
            return 0
        return int(part.storage_offset() - part._base.storage_offset())


class Places:
    """All tensors that are mixed, each once."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self._index: dict[int, int] = {}
        self._found: dict[int, Place] = {}

    def place(self, tensor: Tensor, whole_of: Callable[[Tensor], Tensor]) -> Place:
        found = self._found.get(id(tensor))
        if found is None:
            whole = whole_of(tensor)
            index = self._index.setdefault(id(whole), len(self.tensors))
            if index == len(self.tensors):
                self.tensors.append(whole)
            found = Place(index, None if whole is tensor else tensor)
            self._found[id(tensor)] = found
        return found
