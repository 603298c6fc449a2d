"""A format: one way to keep a plain module outside this library."""

import contextlib
import io
import logging
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from hypernas.subnet.arguments import Arguments


class ExportError(ValueError):
    """A file that cannot be written, or does not compute what the generator does."""


class Format(ABC):
    """A way to write a module, and to run what was written.

    Attributes:
        tolerance: allowed difference of outputs, in units of the largest of an output, or of 1.
        any_batch: True if what is written is a program of its own, for any batch size.
    """

    tolerance: float
    any_batch: bool

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
