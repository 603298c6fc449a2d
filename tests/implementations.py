"""The implementations of kernels that there are here, each on a device of its own."""

import importlib.util
import os

import pytest
import torch

from hypernas.mixing import kernels
from hypernas.native import SWITCH, native

needs_compiler = pytest.mark.skipif(native().library is None, reason=native().words)


def device_of(name: str, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """Where an implementation is to be tried; Triton's is interpreted on a CPU where there is no GPU.

    Skips where it cannot be tried.
    """
    if name == "compiled":
        if native().library is None:
            pytest.skip(native().words)
        return torch.device("cpu")
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed; it comes with torch for GPUs")
    monkeypatch.setenv(SWITCH, kernels.ASKED)
    kernels.triton.cache_clear()
    if os.environ.get("TRITON_INTERPRET") != "1":
        if torch.cuda.is_available():
            return torch.device("cuda")
        pytest.skip("there is no GPU; with TRITON_INTERPRET=1 its kernels are tried on a CPU")
    monkeypatch.setitem(kernels.CHOICES, "cpu", kernels.triton)
    return torch.device("cpu")
