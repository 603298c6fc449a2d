"""The machine that measures, and how busy others keep it."""

import json
import os
import platform
import time
from abc import ABC, abstractmethod
from pathlib import Path

_STAT = Path("/proc/stat")
_TICKS = 100  # a second in /proc/stat, on every Linux


def processor() -> str:
    """The name of the processor, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (named or [platform.processor() or platform.machine()])[0]


def machine() -> str:
    """JSON of the processor, its cores and the system: latencies of another one are others."""
    known = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    return json.dumps(known)


class Watch(ABC):
    """Tells how busy others keep a machine."""

    @abstractmethod
    def start(self) -> None:
        """Begin to look."""

    @abstractmethod
    def others(self) -> float:
        """Cores that other processes kept busy, on average, since the start: at most all there are."""


class Load(Watch):
    """Busy time of all cores less that of this process, from /proc/stat; elsewhere the load average."""

    def start(self) -> None:
        self._started = time.monotonic()
        self._busy, self._own = _busy(), time.process_time()

    def others(self) -> float:
        spent = max(1e-3, time.monotonic() - self._started)
        own, busy = (time.process_time() - self._own) / spent, _busy()
        if busy is None or self._busy is None:
            others = (os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0) - own
        else:
            others = (busy - self._busy) / spent - own
        # The kernel counts in ticks, of which a short while holds more than it is long.
        return min(max(0.0, others), float(os.cpu_count() or 1))


def _busy() -> float | None:
    """Seconds in which cores were not idle since the system started, those of other guests too."""
    try:
        counts = [int(x) for x in _STAT.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    user, nice, system, _, _, irq, soft, stolen = counts
    return (user + nice + system + irq + soft + stolen) / _TICKS
