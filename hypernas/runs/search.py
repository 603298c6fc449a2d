"""Search of a run: the subnets of its generator that are best in some measures, within limits."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hypernas.cost import Cost
from hypernas.distributed import ProcessGroup
from hypernas.distributed.device import use_threads
from hypernas.evaluation.appraisal import Appraisal
from hypernas.runs.assembly import part
from hypernas.runs.console import next_steps
from hypernas.runs.folder import check_resumed, write_settings
from hypernas.runs.judges import Judges
from hypernas.runs.load import Run, load, opened
from hypernas.runs.measures import Measures, counts
from hypernas.runs.origin import Origin
from hypernas.runs.settings import Settings, check_there, check_whole, resolved
from hypernas.runs.trust import Trusted
from hypernas.search import Front, History, Linas, Measure, Problem, Search
from hypernas.search import run as searched
from hypernas.search.aim import Aim, problem_of
from hypernas.search.judge import Judge
from hypernas.search.measure import Uncertain
from hypernas.search.progress import Progress, Watch, reference_point
from hypernas.search.quality import Quality, Usage, Verdicts
from hypernas.search.ranks import RankJudging
from hypernas.storage.lock import held
from hypernas.storage.seal import read_sealed, write_sealed

_KEYS = (
    *("run", "search", "objectives", "constraints", "costs", "evaluations", "at_once"),
    *("calibration_batches", "checkpoints", "processes", "halving", "seed", "device", "threads"),
)
EVALUATIONS, FRONT, REFERENCE = "search.csv", "front.json", "reference.json"
Method = Callable[[Problem], Search]


def find(
    run: Run | str | os.PathLike[str],
    *,
    objectives: Sequence[str],
    constraints: Mapping[str, float] = MappingProxyType({}),
    method: Method = Linas,
    costs: Iterable[Cost] = (),
    num_evaluations: int = 200,
    judges: Judges | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Front:
    """The front of a run's subnets, on validation.

    Args:
        run: or its folder.
        objectives: measures of the run's objective and costs, such as ["accuracy", "parameters"].
        constraints: bounds, such as {"parameters": 50_000}.
        method: of `hypernas.search`, or its constructor with arguments, as a `functools.partial`.
        costs: beside `parameters`, `flops` and `memory`.
        judges: the way in which subnets are judged.
        folder: for the evaluations and the front; one that was interrupted is gone on with.

    Raises:
        FileExistsError: if another process searches in the folder.
        ValueError: see `problem_of`; if the folder is of another generator; `Infeasible` if nothing meets the constraints.
    """
    run, judges = opened(run), judges or Judges()
    aim = Aim(objectives=objectives, constraints=constraints, num_evaluations=num_evaluations)
    judge = judges.judge(run)
    place, costs = None if folder is None else Path(folder), list(costs)
    kinds = {cost.name: type(cost).__qualname__ for cost in costs}
    with judges.begun(judge, run, ProcessGroup()) as judging:
        found = {cost.name: cost for cost in [*counts(run), *costs]}
        measures = {**qualities(judging, judge), **found}
        begun = method(problem_of(run.space, aim, measures))
        with held(place):
            if place is not None:
                claim(place, Origin.of(run, judge, judges, kinds))
            hunt = Hunt(
                begun,
                aim,
                measures,
                place,
                num_side_by_side=judges.processes,
                halving=judges.halving is not None,
            )
            for _ in hunt.steps():
                pass
            return hunt.end()


def search(
    settings: Settings,
    folder: str | os.PathLike[str],
    *,
    resume: bool = False,
    overrides: Sequence[str] = (),
    ranks: ProcessGroup | None = None,
    watch: Callable[[Progress], object] = lambda progress: None,
    trust: Trusted = None,
) -> Front | None:
    """Search by settings, in a folder that holds all of it, or go on with what is there.

    Args:
        settings: nested plain values, with the keys that `hypernas search --cfg job` prints.
        folder: of the search: its settings, evaluations and front.
        resume: go on; the settings must be those of the search.
        overrides: of a command line, to be kept.
        ranks: the processes that judge together; None is this one.
        watch: is told the progress after each batch.
        trust: modules that the settings of the run may import: see `hypernas.load`.

    Returns:
        The front; None on ranks other than the first.

    Raises:
        FileExistsError: if the folder holds a search, and that is not to be gone on with; or if another
            process searches there.
        ValueError: if settings are wrong, or are not those of the search, or if the run is another now.
    """
    settings, folder, ranks = resolved(settings), Path(folder), ranks or ProcessGroup()
    check_there(settings, *_KEYS)
    _check(settings, folder, resume, overrides)
    use_threads(settings["threads"])
    run = load(settings["run"], trust=trust)
    judges = Judges(
        calibration_batches=settings["calibration_batches"],
        checkpoints=settings["checkpoints"],
        processes=settings["processes"],
        device=settings["device"],
        halving=settings["halving"],
    )
    judge = judges.judge(run)
    if not ranks.first:
        RankJudging(judge, ranks).serve()
        return None
    aim = Aim(
        objectives=settings["objectives"],
        constraints={n: b for n, b in settings["constraints"].items() if b is not None},
        num_evaluations=settings["evaluations"],
        num_at_once=settings["at_once"],
    )
    with judges.begun(judge, run, ranks) as judging:
        measures = Measures(qualities(judging, judge), settings["costs"], run)
        aim = measures.named(aim)
        method = part(settings, "search")(problem_of(run.space, aim, measures))
        with held(folder):
            claim(folder, Origin.of(run, judge, judges, measures.settings_of(method.problem.names)))
            if not (folder / EVALUATIONS).exists():  # nobody can go on with evaluations alone
                write_settings(folder, settings, overrides)
            beside = max(judges.processes, ranks.size)
            hunt = Hunt(
                method,
                aim,
                measures,
                folder,
                num_side_by_side=beside,
                halving=judges.halving is not None,
            )
            write_settings(folder, settings, overrides)
            for progress in hunt.steps():
                watch(progress)
            return hunt.end()


def claim(folder: Path, origin: Origin) -> None:
    """Bind a folder to the origin of its values, before there are any.

    Raises:
        ValueError: if it holds values of another.
    """
    if (folder / EVALUATIONS).exists():
        origin.check(folder)
    else:
        origin.write(folder)


class Hunt:
    """One search of a run, from its beginning to its front.

    Args:
        search: a new one.
        measures: all there are, by name.
        folder: for evaluations, reference point and front; None keeps nothing.
        num_side_by_side: architectures that are judged together.
        halving: stop early at what cannot be among the best.
    """

    def __init__(
        self,
        search: Search,
        aim: Aim,
        measures: Mapping[str, Measure],
        folder: Path | None,
        *,
        num_side_by_side: int = 1,
        halving: bool = False,
    ) -> None:
        self._search, self.problem, self._halving = search, search.problem, halving
        self._aim, self._folder, self._beside = aim, folder, num_side_by_side
        self._measures = [measures[name] for name in self.problem.names]
        self._history = History(
            self.problem.space,
            self.problem.names,
            None if folder is None else folder / EVALUATIONS,
            intervals=[m.name for m in self._measures if isinstance(m, Uncertain)],
            halving=halving,
        )

    def steps(self) -> Iterator[Progress]:
        """Search, telling the progress after each batch."""
        watch = Watch(
            self.problem,
            num_evaluations=self._aim.num_evaluations,
            reference=self._reference(),
        )
        watch.begin(len(self._history))
        batches = searched(
            self._search,
            self._measures,
            num_evaluations=self._aim.num_evaluations,
            num_at_once=self._aim.num_at_once,
            num_side_by_side=self._beside,
            history=self._history,
            halving=self._halving,
        )
        for _ in batches:
            yield watch(self._search.told)

    def end(self) -> Front:
        """The front of what was told, its values with intervals, written if there is a folder.

        Raises:
            Infeasible: if nothing meets the constraints.
        """
        front = Front.of(self.problem, self._search.told)
        if self._folder is not None:
            front.write(self._folder / FRONT, self.problem.space)
        return front

    def _reference(self) -> dict[str, float] | None:
        """The reference point of the hypervolume, the same when a search is gone on with."""
        if len(self.problem.objectives) == 1:
            return None
        path = None if self._folder is None else self._folder / REFERENCE
        if path is not None:
            with suppress(FileNotFoundError):
                return read_sealed(path)
        space = self.problem.space
        found = reference_point(self.problem, self._measures, [space.smallest(), space.largest()])
        if path is not None:
            write_sealed(path, found)
        return found


def qualities(judging: Any, judge: Judge) -> dict[str, Measure]:
    """The measures of a run's objective, by name.

    Those of an `Appraisal`, such as BLEU, are taken in this process, whoever judges the others.

    Args:
        judging: the judge, or several that share its work.
    """
    verdicts, objective = Verdicts(judging), judge.task.objective
    found: dict[str, Measure] = {name: Quality(name, verdicts) for name in judge.measures()}
    if isinstance(objective, Appraisal) and judge.task.condition is None:
        appraise = cache(judge.appraise)
        found |= {name: Usage(name, appraise) for name in objective.names}
    return found


def _check(settings: Settings, folder: Path, resume: bool, overrides: Sequence[str]) -> None:
    """Refuse settings that are wrong before anything is loaded."""
    least = {"evaluations": 1, "at_once": 1, "processes": 1, "checkpoints": 1, "seed": 0}
    check_whole(settings, calibration_batches=1, **least)
    if (folder / EVALUATIONS).exists() and not resume:
        raise FileExistsError(
            next_steps(
                "{folder} already holds a search: go on with it by resume={quoted}, or choose another "
                "folder by hydra.run.dir=FOLDER.",
                folder,
            )
        )
    if resume:
        check_resumed(settings, folder, overrides)
