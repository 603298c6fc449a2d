"""Transformations of torch.func (vmap, grad, jacrev, hessian, ...) that are under way."""

import contextlib
from collections.abc import Iterator

import torch


def transformed() -> bool:
    """True within a transformation, which sees operations only: no node of autograd with a context of its own."""
    return torch._C._are_functorch_transforms_active()


def traced() -> bool:
    """True where plain operations are wanted: within a transformation, and while torch.compile follows the code."""
    return transformed() or torch.compiler.is_compiling()


@contextlib.contextmanager
def untransformed() -> Iterator[None]:
    """Within, modules are built as if no transformation were under way.

    Under one they could draw no random number, and would hold tensors without storage that outlive it.
    """
    if not transformed():
        yield
        return
    from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

    with temporarily_clear_interpreter_stack():
        yield
