"""Rows of padding that a start has other than zero."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from hypernas.border import checked


class PaddingRows(nn.Module):
    """The rows of `padding_idx` of embeddings that were trained elsewhere, of the largest shapes.

    They are buffers that come with a start or with a saved state; as in torch nothing trains them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_load_state_dict_pre_hook(_take_in_saved)

    def hold(self, rows: Mapping[str, Tensor]) -> None:
        """Keep rows by the name of their parameter, each of shape (1, dim)."""
        for name, row in rows.items():
            self.register_buffer(_key(name), row.detach().clone())

    def rows(self) -> dict[str, Tensor]:
        """Parameter name -> row, shape (1, dim); subnets take its first entries."""
        own = self._buffers.items()
        return {name[1:].replace("/", "."): row for name, row in own if row is not None}


@checked
def padding_rows(generator: nn.Module) -> dict[str, PaddingRows]:
    """The parts of a generator that hold such rows, by name."""
    return {n: part for n, part in generator.named_modules() if isinstance(part, PaddingRows)}


def _key(name: str) -> str:
    return "/" + name.replace(".", "/")  # unlike any attribute


def _take_in_saved(part: PaddingRows, state: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
    """Have the rows that a state has, and no others."""
    start = f"{prefix}/"
    part._buffers.clear()
    for name, row in state.items():
        if name.startswith(start):
            part.register_buffer(name.removeprefix(prefix), row.detach().clone())
