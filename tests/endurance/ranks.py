"""Two ranks of `hypernas train`, of which one or both are killed at random moments, and that are started again.

*Forked* ranks come from this process, which has imported all they need, with the environment that a launcher gives;
where one ends, the other is sent SIGTERM, as torchrun does. *Launched* ones are started by torchrun itself.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from commands import FAST, states
from process import ended, forked, typed

from hypernas.training import checkpoint

_LIMIT = 120.0  # seconds in which a rank that is left has to end
_ROOT = str(Path(__file__).parents[2])


class Ranks(ABC):
    """Two ranks of a command that has begun."""

    @abstractmethod
    def ids(self) -> Sequence[int]:
        """The ids of the ranks, as far as they have begun."""

    @abstractmethod
    def ended(self, within: float) -> bool | None:
        """True if the command is done, False if it ended otherwise; None if it goes on after some seconds."""

    @abstractmethod
    def kill(self) -> None:
        """Kill all, the launcher too."""


class Forked(Ranks):
    """Two processes forked from this one, and the launcher that it is to them."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        self._status: dict[int, int | None] = {}
        for rank in "01":
            own = {"RANK": rank, "LOCAL_RANK": rank, "GLOO_SOCKET_IFNAME": "lo", **group}
            self._status[forked(lambda: typed(*arguments), log, **own)] = None

    def ids(self) -> Sequence[int]:
        return [pid for pid, status in self._status.items() if status is None]

    def ended(self, within: float) -> bool | None:
        end = time.monotonic() + within
        while self.ids() and time.monotonic() < end:
            for pid in self.ids():
                self._status[pid] = ended(pid, 0)
                if self._status[pid]:
                    for other in self.ids():
                        os.kill(other, signal.SIGTERM)
            time.sleep(0.002)
        return None if self.ids() else not any(self._status.values())

    def kill(self) -> None:
        for pid in self.ids():
            os.kill(pid, signal.SIGKILL)
            self._status[pid] = ended(pid, _LIMIT)


class Launched(Ranks):
    """Two processes of torchrun."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        launcher += ["--nproc-per-node", "2", "-m", "hypernas.cli.main"]
        own = {"PYTHONPATH": _ROOT, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
        with log.open("a") as file:
            self._launcher = subprocess.Popen(
                [*launcher, *arguments], env={**os.environ, **own}, stdout=file, stderr=file
            )

    def ids(self) -> Sequence[int]:
        pid = self._launcher.pid
        try:
            return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        except FileNotFoundError:
            return []

    def ended(self, within: float) -> bool | None:
        try:
            return self._launcher.wait(within) == 0
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        for pid in self.ids():
            os.kill(pid, signal.SIGKILL)
        self._launcher.kill()
        self._launcher.wait()


KINDS: dict[str, type[Ranks]] = {"forked": Forked, "launched": Launched}


def _arguments(folder: Path) -> list[str]:
    """What a user types: the same command, or resume= once there is a checkpoint."""
    begun = checkpoint.saved(folder / "checkpoints")
    return ["train", f"resume={folder}"] if begun else ["train", *FAST, f"hydra.run.dir={folder}"]


def trials(num: int, folder: Path, *, seed: int, kind: str) -> Iterator[dict[str, Any]]:
    """A row of `num` kills, each of rank 0, of rank 1, or of both."""
    start, drawn = KINDS[kind], random.Random(seed)
    folder.mkdir(parents=True)
    whole, started = folder / "whole", time.monotonic()
    if not start(_arguments(whole), folder / "whole.log").ended(600):
        raise ChildProcessError((folder / "whole.log").read_text())
    lasts, expected = time.monotonic() - started, states(whole)
    kills = ends = stuck = other = 0
    slowest, words = 0.0, ""
    while kills < num:
        run, done = folder / f"killed{ends}", None
        while done is None:
            ranks = start(_arguments(run), folder / f"{run.name}.log")
            done = ranks.ended(drawn.uniform(0, 1.05 * lasts) if kills < num else 600)
            if done is not None:
                break
            kills += 1
            alive = ranks.ids()
            if drawn.randrange(3) and alive:
                os.kill(drawn.choice(alive), signal.SIGKILL)
                begun = time.monotonic()
                if ranks.ended(_LIMIT) is None:
                    stuck += 1
                    words = words or f"a rank that was left went on for {_LIMIT:.0f} s"
                slowest = max(slowest, time.monotonic() - begun)
            ranks.kill()
        ends += 1
        if not done:
            stuck += 1
            words = words or (folder / f"{run.name}.log").read_text()
            continue
        found = states(run)
        unlike = [name for name in expected | found if found.get(name) != expected.get(name)]
        other += bool(unlike)
        words = words or ", ".join(unlike)
    yield {
        "trial": f"ranks: {kind}",
        "number": kills,
        "ended": ends,
        "silent": other,
        "raw": stuck,
        "wrong": words or f"a rank that was left ended within {slowest:.1f} s",
    }
