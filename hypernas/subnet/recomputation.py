"""Activation checkpointing inside a target: recomputation on the tensors of the forward pass.

`torch.utils.checkpoint` runs a part of a module again during the backward pass, when a target has its
own tensors back. While a target runs, both its ways are told to run that part on what the target
held; at all other times they are as torch made them.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

import torch
from torch.utils import checkpoint

Holding = Callable[[], AbstractContextManager[None]]  # -> a module holds the tensors of a run

_RUNNING: ContextVar[Callable[[], Holding] | None] = ContextVar("_RUNNING", default=None)


@contextlib.contextmanager
def recomputing(held: Callable[[], Holding]) -> Iterator[None]:
    """Within, what is checkpointed is recomputed as a module holds the tensors it holds then.

    Args:
        held: remembers the tensors of the moment, for the backward pass.
    """
    if torch.compiler.is_compiling():  # which keeps the tensors of what it recomputes
        yield
        return
    token = _RUNNING.set(held)
    try:
        yield
    finally:
        _RUNNING.reset(token)


def _on_the_same(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, to be run again on the tensors that are held now, if any are."""
    held = _RUNNING.get()
    if held is None:
        return function
    holding = held()

    def again(*arguments: Any, **keywords: Any) -> Any:
        with holding():
            return function(*arguments, **keywords)

    return again


def _follow() -> None:
    """Give torch's checkpointing its place to ask in."""
    start = checkpoint._checkpoint_without_reentrant_generator
    reentrant = checkpoint.CheckpointFunction.apply

    def started(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        return start(_on_the_same(function), *arguments, **keywords)

    def applied(function: Callable[..., Any], preserve_rng_state: bool, *arguments: Any) -> Any:
        if _RUNNING.get() is None:
            return reentrant(function, preserve_rng_state, *arguments)
        # A backward pass within the backward pass would go through what generates the weights
        # once for each part: the other way gives the same gradients in one.
        return checkpoint.checkpoint(
            function, *arguments, use_reentrant=False, preserve_rng_state=preserve_rng_state
        )

    checkpoint._checkpoint_without_reentrant_generator = started
    checkpoint.CheckpointFunction.apply = applied


_follow()
