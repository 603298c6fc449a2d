"""A backend: what runs a module on a device."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager

from torch import Tensor, nn

from hypernas.subnet.arguments import Arguments

Run = Callable[[], object]  # one forward pass, until its outputs are there


class LatencyError(ValueError):
    """A latency that cannot be measured here."""


class Backend(ABC):
    """A way to run modules, which latencies are measured under.

    Attributes:
        name: of the backend and its device, such as "onnxruntime".
        version: of what computes; latencies of another one are measured anew.
    """

    name: str
    version: str

    @abstractmethod
    def check(self) -> None:
        """Raise what stands against running here at all, before anything is built.

        Raises:
            LatencyError: if a package or the device is missing.
        """

    @abstractmethod
    def prepare(self, module: nn.Module, arguments: Arguments, *, threads: int) -> Run:
        """Make a module in evaluation mode ready to run on arguments, both on the CPU."""

    @abstractmethod
    def limited(self, threads: int) -> AbstractContextManager[None]:
        """A context within which what was prepared runs on that many threads."""


class TranslatorBackend(Backend):
    """A backend that runs translators symbol by symbol, too."""

    @abstractmethod
    def prepare_decoding(self, module: nn.Module, source: Tensor, *, num: int, threads: int) -> Run:
        """Make a translator in evaluation mode ready to decode a source greedily, both on the CPU.

        Args:
            module: a `hypernas.decoding.Translator`.
            source: shape (N, S), of symbols.
            num: symbols that are written, whatever ends.
        """
