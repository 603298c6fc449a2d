"""A program of torch.export, as a .pt2 file."""

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hypernas.exports.format import ExportError, ProgramFormat, quiet
from hypernas.exports.plain import plain_outputs
from hypernas.subnet.arguments import Arguments


class Program(ProgramFormat):
    """A `torch.export` program for any batch size; outputs that are objects become dictionaries."""

    tolerance = 1e-6

    def export(
        self,
        module: nn.Module,
        arguments: Arguments,
        outputs: Any,
        path: Path,
        axes: Mapping[str, Any],
    ) -> None:
        with quiet(), followed(module), plain_outputs(module):
            program = torch.export.export(
                module,
                arguments.positional,
                dict(arguments.keywords),
                dynamic_shapes=dict(axes),
            )
        whole = io.BytesIO()  # torch's own writer would abort the process on a full disk
        torch.export.save(program, whole)
        path.write_bytes(whole.getvalue())

    def load(self, path: Path) -> Callable[[Arguments], Any]:
        with quiet():
            module = torch.export.load(path).module()

        def run(arguments: Arguments) -> Any:
            with quiet(), torch.no_grad():
                return module(*arguments.positional, **arguments.keywords)

        return run


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
