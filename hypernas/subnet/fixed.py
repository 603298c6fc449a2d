"""Weights of a target that nobody trains, and so no generator makes."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from hypernas.subnet.anatomy import Anatomy


class Fixed:
    """The entries of a target's weights that torch would not train, as they are in every subnet.

    Parameters that require no gradient are the target's own, as the builder made them for its
    architecture: of any shape and type, stored in no generator and no checkpoint. The row of an embedding's
    `padding_idx` is zero or that of a start, unless something else reads the same weight (as an output layer that is tied
    to it does), by which torch trains that row too.

    Args:
        anatomy: of an ordinary module or its skeleton.

    Attributes:
        parameters: name -> parameter that requires no gradient.
        rows: name -> index of the row, shape (1,), and its values, shape (1, dim).
    """

    def __init__(self, anatomy: Anatomy) -> None:
        self.parameters = {n: p for n, p in anatomy.parameters.items() if not p.requires_grad}
        self.rows: dict[str, tuple[Tensor, Tensor]] = {}
        readings = list(_readings(anatomy))
        if all(index is None for _, index in readings):
            return
        names = {id(p): n for n, p in anatomy.parameters.items() if p.requires_grad}
        rows: dict[int, set[int | None]] = {}
        for parameter, index in readings:
            rows.setdefault(id(parameter), set()).add(index)
        for parameter, index in readings:
            if index is not None and id(parameter) in names and len(rows[id(parameter)]) == 1:
                place = torch.tensor([index]), torch.zeros(1, *parameter.shape[1:])
                self.rows[names[id(parameter)]] = place

    def __call__(
        self, weights: Mapping[str, Tensor], rows: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Generated weights with what is fixed in its place, where no gradient passes.

        Args:
            rows: those of padding that are not zero, by name, as long as in the largest network.
        """
        whole = dict(weights)
        for name, (index, values) in self.rows.items():
            if name in whole:
                if rows and name in rows:
                    values = rows[name][tuple(slice(size) for size in values.shape)]
                whole[name] = _with_row(whole[name], index, values)
        return whole | self.parameters


def _readings(anatomy: Anatomy) -> Iterator[tuple[nn.Parameter, int | None]]:
    """Each parameter of each module that holds it, with the row that is padding to that module."""
    for _, owner in anatomy.parts:
        index = owner.padding_idx if isinstance(owner, nn.Embedding | nn.EmbeddingBag) else None
        for parameter in owner._parameters.values():
            if parameter is not None:
                yield parameter, index


def _with_row(
    weight: Tensor,  # shape: (N, dim)
    index: Tensor,  # shape: (1,)
    values: Tensor,  # shape: (1, dim)
) -> Tensor:
    # Most generators have the row right, as the builder drew it and no gradient comes: spare
    # them the copy of the table, where looking makes nobody wait.
    if weight.is_cpu and torch.equal(weight.detach()[index], values.to(weight)):
        return weight
    return weight.index_copy(0, index.to(weight.device), values.to(weight))
