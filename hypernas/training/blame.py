"""Words for errors that arise inside a step: of which architecture, in which layer, and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import torch
from torch import nn

from hypernas.subnet.subnet import Subnet

_LOWER = (
    "lower training.batch_size (and raise training.accumulate, so that a step has as many examples), train fewer "
    "architectures a step (sampling), or take out the largest values of the space"
)


def blame(error: Exception, subnet: Subnet) -> None:
    """Note on an error at which architecture, and in which layer of its module, it arose."""
    layer = _layer(error.__traceback__, subnet.target.module)
    inside = f", in its layer {layer}" if layer else ""
    error.add_note(f"This arose at the architecture {dict(subnet.architecture)}{inside}.")


@contextmanager
def blaming(step: int) -> Iterator[None]:
    """Within, errors are told of which step they are, and those of memory what to lower."""
    try:
        yield
    except Exception as error:
        if is_of_memory(error):
            error.add_note(f"Memory did not suffice for step {step}: {_LOWER}.")
        elif getattr(error, "__notes__", ()):
            error.add_note(f"It was step {step}.")
        raise


def is_of_memory(error: BaseException) -> bool:
    """True if there was too little memory, on a GPU or the CPU."""
    kinds = (torch.OutOfMemoryError, MemoryError)
    return isinstance(error, kinds) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def _layer(trace: TracebackType | None, module: nn.Module) -> str:
    """The innermost part of a module that was computing; empty if none was."""
    names = {id(part): name for name, part in module.named_modules() if name}
    found = ""
    for own in _selves(trace):
        if name := names.get(id(own)):
            found = f"{name} ({type(own).__name__})"
    return found


def _selves(trace: TracebackType | None) -> Iterator[object]:
    """The objects whose methods were running, from the outermost."""
    while trace is not None:
        yield trace.tb_frame.f_locals.get("self")
        trace = trace.tb_next
