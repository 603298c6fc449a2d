"""Those who train the phases of a growth: this process, several, or ranks."""

import contextlib
import multiprocessing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

from hypernas.distributed import ProcessGroup, RankLost
from hypernas.training import Interrupted
from hypernas.training.optimizer import Memory

# Trains one phase that has begun up to its last checkpoint, with the processes and the memory it is given; pickled.
TrainOne = Callable[[int, ProcessGroup, Memory | None], None]


class Workers(ABC):
    """Train phases that have begun up to the last checkpoint of each, where others can read it.

    Attributes:
        num: of those who train at once.
    """

    num: int

    def groups(self, kinds: Sequence[Sequence[int]]) -> list[list[int]]:
        """The phases that are trained at once, in order, of those that do not rest on each other."""
        if self.num == 1:
            return [[i] for kind in kinds for i in kind]
        return [list(kind) for kind in kinds if kind]

    @abstractmethod
    def train(self, group: Sequence[int], memory: Memory | None) -> None:
        """Train a group.

        Args:
            memory: of the optimizer, for a group of one phase.
        """


class Alone(Workers):
    """Nobody but the process that grows, which trains one phase after the other."""

    num = 1

    def train(self, group: Sequence[int], memory: Memory | None) -> None:
        pass


class Processes(Workers):
    """Processes that divide a group; a group of one is left to the process that grows.

    Args:
        num: of them.
        one: trains a phase, in a process of its own.
    """

    def __init__(self, num: int, one: TrainOne) -> None:
        self.num, self._one = num, one

    def train(self, group: Sequence[int], memory: Memory | None) -> None:
        if len(group) == 1:
            return
        spawn = multiprocessing.get_context("spawn")  # a fork would share torch's threads
        with ProcessPoolExecutor(self.num, mp_context=spawn) as pool:
            list(pool.map(partial(_in_process, self._one), group))


def _in_process(one: TrainOne, i: int) -> None:
    one(i, ProcessGroup(), None)


class _Asked(NamedTuple):
    """Request of rank 0 to all ranks."""

    group: Sequence[int]
    one: TrainOne
    memory: Memory | None


class Ranks(Workers):
    """Ranks that divide a group, each training whole phases, and train a group of one together.

    Rank 0 grows, the others `serve`. All of them read and write one folder.

    Args:
        ranks: two or more.
        one: trains a phase.
    """

    def __init__(self, ranks: ProcessGroup, one: TrainOne) -> None:
        self._ranks, self._one = ranks, one
        self.num = ranks.size

    def train(self, group: Sequence[int], memory: Memory | None) -> None:
        asked = _Asked(group, self._one, memory)
        self._ranks.broadcast_object(asked)
        _take_part(self._ranks, asked)

    @contextlib.contextmanager
    def leading(self) -> Iterator[None]:
        """Lets the others go at the end, and tells them whether it was a good one."""
        done = False
        try:
            yield
            done = True
        finally:
            with contextlib.suppress(RankLost):
                self._ranks.broadcast_object(done)


def serve(ranks: ProcessGroup) -> None:
    """Train what rank 0 asks for, until it is done.

    Raises:
        RankLost: if it ended before.
    """
    while not isinstance(asked := ranks.broadcast_object(None), bool):
        with contextlib.suppress(Interrupted):  # which reached rank 0 as well
            _take_part(ranks, asked)
    if not asked:
        raise RankLost("rank 0 ended before the growth did; its own message says why.")


def _take_part(ranks: ProcessGroup, asked: _Asked) -> None:
    if len(asked.group) == 1:
        asked.one(asked.group[0], ranks, asked.memory)
        return
    failed = None
    try:
        for i in asked.group[ranks.rank :: ranks.size]:
            asked.one(i, ProcessGroup(), None)
    except (Exception, KeyboardInterrupt) as error:
        failed = error
    lost = ranks.any(failed is not None)  # once all of them are done
    if failed is not None:
        raise failed
    if lost:
        raise RankLost("another rank could not train its phase; its own message says why.")
