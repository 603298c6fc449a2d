"""Judges of runs, on this process, on several, or on ranks."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from hypernas.distributed import ProcessGroup, RankLost
from hypernas.distributed.device import pick_device
from hypernas.generators import Generator
from hypernas.runs.assembly import assemble, without_start
from hypernas.runs.folder import checkpoints_of
from hypernas.runs.load import Run, load, opened
from hypernas.search.judge import Judge, Judging
from hypernas.search.ranks import RankJudging
from hypernas.search.workers import Workers
from hypernas.training import checkpoint


@dataclass(frozen=True, kw_only=True)
class Judges:
    """The way in which a run's subnets are judged.

    Attributes:
        calibration_batches: training batches for the statistics of batch norms.
        checkpoints: the last ones, of which each subnet's measures are the mean.
        processes: that share the work, each with one thread if there are several.
        device: auto, cpu, cuda, cuda:1.
        halving: share of the validation examples that is read first; see `Judge`. None reads all of each.
    """

    calibration_batches: int = 16
    checkpoints: int = 1
    processes: int = 1
    device: str = "auto"
    halving: float | None = None

    def judge(self, run: Run | str | os.PathLike[str]) -> Judge:
        """One judge, of this process."""
        run, place = opened(run), pick_device(self.device)
        generators = [run.generator, *_earlier(run, self.checkpoints)]
        return Judge(
            [generator.to(place) for generator in generators],
            run.task,
            calibration_batches=self.calibration_batches,
            halving=self.halving,
        )

    @contextlib.contextmanager
    def begun(self, judge: Judge, run: Run, ranks: ProcessGroup) -> Iterator[Judging]:
        """All that judge: processes that open the run by its folder, or ranks with a judge each.

        Raises:
            ValueError: if each rank is to have processes of its own, or processes have no folder to open.
        """
        if ranks.size > 1 and self.processes > 1:
            raise ValueError(
                f"ranks judge side by side already: give processes=1, got {self.processes}, or start "
                f"the search without torchrun."
            )
        if self.processes > 1 and run.settings is None:
            raise ValueError(
                f"each of {self.processes} processes opens the run by its folder, and this run has none: "
                f"give one that hypernas.load opened, or processes=1."
            )
        if ranks.size > 1:
            divided = RankJudging(judge, ranks)
            try:
                yield divided
            finally:
                with contextlib.suppress(RankLost):  # they may be what ended it
                    divided.done()
        elif self.processes > 1:
            make = partial(_worker, self, str(run.folder), run.trust)
            with Workers(make, num=self.processes) as workers:
                yield workers
        else:
            yield judge


def _worker(judges: Judges, folder: str, trust: tuple[str, ...]) -> Judge:
    """The judge of a process of its own, which trusts what this one does."""
    return judges.judge(load(folder, trust=trust))


def _earlier(run: Run, num: int) -> list[Generator]:
    """The generators of the checkpoints before the last."""
    if num == 1:
        return []
    settings = run.settings or {}
    found = []
    for saved in checkpoint.last(checkpoints_of(run.folder, settings), num)[1:]:
        generator = assemble(without_start(settings), data=run.data).generator
        checkpoint.load(saved, generator=generator)
        found.append(generator)
    return found
