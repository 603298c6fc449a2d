"""Trials: runs of a network that nobody asked for, and of which nothing is left."""

import contextlib
import random
import warnings
from collections.abc import Iterator

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

# ruff: noqa: NPY002 - modules draw from the global generator, so it is what has to be put back


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Run without gradients and warnings, on draws that are the same each time and count for nobody else."""
    others = random.getstate(), np.random.get_state()
    with torch.no_grad(), warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(0)
        try:
            with _plain_attention():
                yield
        finally:
            random.setstate(others[0])
            np.random.set_state(others[1])


@contextlib.contextmanager
def _plain_attention() -> Iterator[None]:
    """Attention and transformer layers of torch in single operations, whose scalars can be seen."""
    before = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
