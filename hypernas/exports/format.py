"""A format: one way to keep a plain module outside this library."""

import contextlib
import inspect
import io
import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.subnet.arguments import Arguments
from hypernas.subnet.batch import batch_size

_STEPS = 8  # between neighbouring numbers near 1


class ExportError(ValueError):
    """A file that cannot be written, or does not compute what the generator does."""


class Format(ABC):
    """A way to write a module, and to run what was written.

    Attributes:
        tolerance: allowed difference of outputs in single precision, in units of the largest of an output, or of 1.
        any_batch: True if what is written is a program of its own, for any batch size.
    """

    tolerance: float
    any_batch: bool

    def allowed(self, dtype: torch.dtype) -> float:
        """The tolerance of outputs that are computed in a type: in half precision some of its own steps."""
        return max(self.tolerance, _STEPS * torch.finfo(dtype).eps)

    @abstractmethod
    def write(self, module: nn.Module, arguments: Arguments, outputs: Any, path: Path) -> None:
        """Write a module, in evaluation mode on the CPU, to a path that is not there.

        Args:
            arguments: of its forward, as an example.
            outputs: of those.

        Raises:
            ExportError: if the module is not of a kind that can be written so.
        """

    @abstractmethod
    def run(self, path: Path, arguments: Arguments) -> Any:
        """The outputs of what was written, read again; their tensors come in the module's order."""


class ProgramFormat(Format):
    """A format whose files are programs of their own, for any batch size."""

    any_batch = True

    @abstractmethod
    def export(
        self,
        module: nn.Module,
        arguments: Arguments,
        outputs: Any,
        path: Path,
        axes: Mapping[str, Any],
    ) -> None:
        """Write a module as `write` does.

        Args:
            axes: name of each argument -> which axes of its tensors may have any size, as `torch.export` wants to be told.
        """

    @abstractmethod
    def load(self, path: Path) -> Callable[[Arguments], Any]:
        """Read what was written, once for many runs."""

    def write(self, module: nn.Module, arguments: Arguments, outputs: Any, path: Path) -> None:
        self.export(module, arguments, outputs, path, batch_axes(module, arguments))

    def run(self, path: Path, arguments: Arguments) -> Any:
        return self.load(path)(arguments)


def batch_axes(module: nn.Module, arguments: Arguments) -> dict[str, Any]:
    """The axes of the inputs that may have any size, as `torch.export` wants to be told.

    That is the first of every tensor that is as long there as the first tensor.
    """
    size = batch_size(arguments)
    batch = torch.export.Dim("batch")

    def axes(value: Any) -> Any:
        if isinstance(value, Tensor):
            return {0: batch} if value.dim() and len(value) == size else {}
        if isinstance(value, Mapping):
            return {key: axes(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(axes(item) for item in value)
        return None

    signature = inspect.signature(module.forward)
    bound = signature.bind(*arguments.positional, **arguments.keywords).arguments
    return {name: axes(value) for name, value in bound.items()}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep progress reports and deprecation warnings of exporters to themselves."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
