"""The two passes of a translator as programs: what reads a source, and what reads one symbol more of its target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.export import Dim

from hypernas.decoding import Translator
from hypernas.exports.format import ExportError
from hypernas.subnet.arguments import Arguments

_BATCH, _SOURCE, _WRITTEN = 2, 5, 3  # of the example, sizes that differ from each other
SHORTEST = (
    max(_SOURCE, _WRITTEN) + 1
)  # symbols of a source and a target that there must be room for


class Encoder(nn.Module):
    """The state before the first symbol, of a translator's `start`, by its place in the state."""

    def __init__(self, translator: nn.Module) -> None:
        super().__init__()
        self.translator = translator

    def forward(self, source: Tensor) -> dict[str, list[Tensor]]:
        return {"state": list(cast(Translator, self.translator).start(source))}


class DecoderStep(nn.Module):
    """The logits after one symbol more, and the state after it, of a translator's `advance`."""

    def __init__(self, translator: nn.Module) -> None:
        super().__init__()
        self.translator = translator

    def forward(self, symbols: Tensor, state: Sequence[Tensor]) -> dict[str, Any]:
        logits, *after = cast(Translator, self.translator).advance(symbols, *state)
        return {"logits": logits, "next": after}


@dataclass(frozen=True)
class Pass:
    """A module, and an example of what it takes and gives.

    Attributes:
        axes: name of each argument -> which axes of its tensors may have any size, for `torch.export`.
    """

    module: nn.Module
    arguments: Arguments
    outputs: Any
    axes: Mapping[str, Any]


@torch.no_grad()
def passes(translator: nn.Module, *, longest: int) -> tuple[Pass, Pass]:
    """The encoder and the decoder step, for any batch, source and number of symbols written before.

    The axes of a state that may have any size are found by running: they follow the batch, a multiple of the source's symbols or
    the symbols that were written.

    Args:
        translator: a `hypernas.decoding.Translator`, in evaluation mode on the CPU.
        longest: symbols of a source, and of a target, at most.

    Raises:
        ExportError: if the size of an axis follows none of these.
    """
    if longest < SHORTEST:
        raise ExportError(
            f"a translator is exported for {SHORTEST} symbols or more, got {longest}."
        )
    source, symbols = _symbols(_BATCH, _SOURCE), _symbols(_BATCH)
    state = _state(translator, _BATCH, _SOURCE, _WRITTEN)
    dims = {
        "batch": Dim("batch", min=1),
        "source": Dim("source", min=1, max=longest),
        "written": Dim("written", min=0, max=longest - 1),
    }
    batch, length = {0: dims["batch"]}, {1: dims["source"]}
    axes = _axes(translator, state, dims)
    encoder, step = Encoder(translator).eval(), DecoderStep(translator).eval()
    taken: list[tuple[nn.Module, dict[str, Any], dict[str, Any]]] = [
        (encoder, {"source": source}, {"source": batch | length}),
        (step, {"symbols": symbols, "state": state}, {"symbols": batch, "state": axes}),
    ]
    first, second = (Pass(m, Arguments((), given), m(**given), axes) for m, given, axes in taken)
    return first, second


def _axes(
    translator: nn.Module, state: Sequence[Tensor], dims: Mapping[str, Any]
) -> list[dict[int, Any]]:
    """The axes of each tensor of a state that follow something, with what they follow."""
    larger = {  # one more of each
        "batch": _state(translator, _BATCH + 1, _SOURCE, _WRITTEN),
        "source": _state(translator, _BATCH, _SOURCE + 1, _WRITTEN),
        "written": _state(translator, _BATCH, _SOURCE, _WRITTEN + 1),
    }
    sizes = {"batch": _BATCH, "source": _SOURCE, "written": _WRITTEN}
    found: list[dict[int, Any]] = []
    for i, tensor in enumerate(state):
        own: dict[int, Any] = {}
        for axis, size in enumerate(tensor.shape):
            for name, several in larger.items():
                times = several[i].shape[axis] - size
                if times and (axis in own or times < 0 or times * sizes[name] != size):
                    raise ExportError(
                        f"axis {axis} of tensor {i} of a translator's state has the size {size} for {sizes}, and {size + times} "
                        f"for one more of {name}: expected a multiple of one of them."
                    )
                if times:
                    own[axis] = dims[name] if times == 1 else times * dims[name]
        found.append(own)
    return found


def _state(translator: nn.Module, batch: int, source: int, written: int) -> list[Tensor]:
    """The state after some symbols."""
    own = cast(Translator, translator)
    state = list(own.start(_symbols(batch, source)))
    for _ in range(written):
        _, *state = own.advance(_symbols(batch), *state)
    return state


def _symbols(*shape: int) -> Tensor:
    """Symbols that every vocabulary has, and none of which is padding."""
    return torch.ones(shape, dtype=torch.long)
