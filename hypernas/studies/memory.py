"""Memory that the training of a generator takes."""

import contextlib
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import torch

_MB = 2**20


def measure_memory(
    make: Callable[[], Callable[[int], None]], *, device: torch.device, steps: int = 10
) -> float:
    """Megabytes by which training peaks over what was held before its generator was built.

    On a GPU what torch allocates there; on a CPU the memory of the process. So do it in a fresh
    process, as earlier peaks, and memory that was freed, hide what is asked for; and train something
    small before, as the code that is loaded on first use takes 100 MB.

    Args:
        make: builds the generator and its optimizer, and returns what computes step i.
        steps: to take.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        _forget_peak()
    before = _held(device)
    step = make()
    for i in range(steps):
        step(i)
    return (_peak(device) - before) / _MB


def _forget_peak() -> None:
    """Make Linux count the peak of this process from now on (`man proc_pid_clear_refs`, 5)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _held(device: torch.device) -> float:
    """Bytes held now."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return _status("VmRSS")


def _peak(device: torch.device) -> float:
    """Bytes held at most."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return _status("VmHWM")


def _status(name: str) -> float:
    """Bytes of an entry of Linux's account of the process; elsewhere of the peak."""
    path = Path("/proc/self/status")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return float(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux, bytes on a Mac
    return float(peak) * (1 if sys.platform == "darwin" else 1024)
