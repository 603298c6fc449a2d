"""Rows of a batch: all of them, or one of equal parts."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from hypernas.subnet.structure import map_tensors, tensors


@dataclass(frozen=True)
class Rows:
    """Part `place` of `parts` equal parts of a batch; some have one row more if that does not come out even."""

    place: int = 0
    parts: int = 1

    def range(self, num: int) -> tuple[int, int]:
        """The first of our rows of `num`, and the one after the last."""
        return num * self.place // self.parts, num * (self.place + 1) // self.parts

    def of(self, value: Any, num: int | None = None) -> Any:
        """Our rows of a batch, or of outputs on one: of its tensors that have them; itself where those are all.

        Args:
            num: rows of the batch; None for what `num_rows` finds.
        """
        if self.parts == 1:
            return value
        num = num_rows(value) if num is None else num
        start, stop = self.range(num)

        def own(tensor: Tensor) -> Tensor:
            return tensor[start:stop] if tensor.dim() > 0 and len(tensor) == num else tensor

        return map_tensors(own, value)


ALL = Rows()


def equal_parts(num: int) -> list[Rows]:
    """A batch in `num` parts."""
    return [Rows(place, num) for place in range(num)]


def num_rows(batch: Any) -> int:
    """The examples of a batch, by the first tensor in it that has an axis.

    Raises:
        ValueError: if there is none.
    """
    for tensor in tensors(batch):
        if tensor.dim():
            return len(tensor)
    raise ValueError(
        f"a batch without tensors cannot be divided, got {type(batch).__name__}: let the data's "
        f"collate_fn make (inputs, targets) of tensors, in tuples, lists or mappings."
    )
