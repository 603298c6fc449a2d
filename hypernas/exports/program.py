"""A program of torch.export, as a .pt2 file."""

import contextlib
import inspect
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.exports.format import ExportError, Format, quiet
from hypernas.exports.plain import plain_outputs
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.batch import batch_size


class Program(Format):
    """A `torch.export` program for any batch size; outputs that are objects become dictionaries."""

    tolerance = 1e-6
    any_batch = True

    def write(self, module: nn.Module, arguments: Arguments, outputs: Any, path: Path) -> None:
        with quiet(), followed(module), plain_outputs(module):
            program = torch.export.export(
                module,
                arguments.positional,
                dict(arguments.keywords),
                dynamic_shapes=batch_axes(module, arguments),
            )
        whole = io.BytesIO()  # torch's own writer would abort the process on a full disk
        torch.export.save(program, whole)
        path.write_bytes(whole.getvalue())

    def run(self, path: Path, arguments: Arguments) -> Any:
        with quiet(), torch.no_grad():
            module = torch.export.load(path).module()
            return module(*arguments.positional, **arguments.keywords)


@contextlib.contextmanager
def followed(module: nn.Module) -> Iterator[None]:
    """Turn whatever torch.export raises of a module into words."""
    try:
        yield
    except (ExportError, OSError):
        raise
    except Exception as error:
        first: BaseException = error  # which exporters wrap in advice on themselves
        while first.__cause__ is not None:
            first = first.__cause__
        why = str(first).strip().partition("\n\n")[0]
        raise ExportError(
            f"torch.export cannot follow {type(module).__name__} for any batch size.\n"
            f"{type(first).__name__}: {why}\nIts forward must not make a Python number of the batch size "
            f"(write x.shape[0] for len(x)) or of a tensor's values; .safetensors holds weights alone and "
            f"needs nothing of it."
        ) from error


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
