"""Greedy decoding as what is measured of a translator."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.latency.backend import Backend, LatencyError, Run, TranslatorBackend
from hypernas.latency.greedy import write
from hypernas.latency.onnxruntime import OnnxRuntime
from hypernas.subnet.arguments import Arguments


class Decoding(Backend):
    """Greedy decoding of a number of symbols, whatever ends: its time is that of the encoder and as many decoder steps.

    A forward pass reads a whole target at once, in which deep decoders cost little more than shallow ones; a translation is
    written symbol by symbol. As in HAT (Wang et al., 2020, arXiv 2005.14187, section 3.2), lengths are those of a usual sentence.

    Args:
        backend: `OnnxRuntime()` by default, or `Torch(...)`.
        num: symbols that are written, no more than the translator has positions for.
        length: symbols of the source, which the example's are repeated to; None for its own.
    """

    @checked
    def __init__(
        self, backend: TranslatorBackend | None = None, *, num: int = 20, length: int | None = None
    ) -> None:
        if num < 1 or (length is not None and length < 1):
            raise ValueError(f"num and length must be 1 or more, got {num} and {length}.")
        self.backend, self.num, self.length = backend or OnnxRuntime(), num, length
        read = "" if length is None else f" of a source of {length}"
        self.name = f"greedy decoding of {num} symbols{read}, {self.backend.name}"
        self.version = self.backend.version

    def check(self) -> None:
        self.backend.check()
        self.version = self.backend.version

    def prepare(self, module: nn.Module, arguments: Arguments, *, threads: int) -> Run:
        if not all(callable(getattr(module, name, None)) for name in ("start", "advance")):
            raise LatencyError(
                f"expected a module with the methods start and advance of hypernas.decoding.Translator, got "
                f"{type(module).__name__}: other modules have the latency of a forward pass."
            )
        source: Any = arguments.columns[0]
        if self.length is not None:
            source = source.repeat(1, -(-self.length // source.shape[1]))[:, : self.length]
        self._check_room(module, source)
        return self.backend.prepare_decoding(module, source, num=self.num, threads=threads)

    @torch.inference_mode()
    def _check_room(self, module: nn.Module, source: Tensor) -> None:
        """Refuse more symbols than a translator has positions for, which graphs would refuse in their own words.

        Raises:
            LatencyError: naming the numbers.
        """
        try:
            write(module, source, self.num)
        except (IndexError, RuntimeError) as error:
            raise LatencyError(
                f"{type(module).__name__} cannot read {source.shape[1]} symbols and write {self.num} ({error}). Give a length and "
                f"a num that it has positions for, such as costs.latency.backend.num=12: a run's have data.length of them."
            ) from None

    def limited(self, threads: int) -> AbstractContextManager[None]:
        return self.backend.limited(threads)
