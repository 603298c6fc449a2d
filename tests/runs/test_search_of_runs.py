"""Searches of runs: they go on where they stopped, and end the same."""

import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from judges import task
from training_runs import fit, space

from hypernas import Architecture, generators
from hypernas.cost import Cost, Parameters
from hypernas.runs.judges import Judges
from hypernas.runs.load import Run
from hypernas.runs.search import find
from hypernas.search import Exhaustive, Front, Infeasible
from hypernas.search.judge import Judge
from hypernas.storage.lock import held


@pytest.fixture
def trained() -> Run:
    generator = generators.shared(space())
    fit(generator, callbacks=[])
    work = task()
    return Run(work.data, generator.space, generator, work.objective)


def options(**more):
    return {
        "objectives": ["accuracy", "parameters"],
        "judges": Judges(calibration_batches=2, device="cpu"),
        **more,
    }


def test_the_front_of_everything_is_the_best_of_every_size(trained):
    front = find(trained, **options(method=Exhaustive))
    (best,) = [p for p in front.points if p == front.best()]
    low, high = best.intervals["accuracy"]
    assert low <= best.values["accuracy"] <= high
    assert front.points[-1].architecture == trained.space.smallest()


def test_a_constraint_is_met_by_all_that_is_found(trained):
    front = find(trained, **options(constraints={"parameters": 200}))
    assert all(point.values["parameters"] <= 200 for point in front.points)
    with pytest.raises(Infeasible, match="the smallest value is"):
        find(trained, **options(constraints={"parameters": 2}))


def test_processes_need_a_run_in_a_folder(trained):
    with pytest.raises(ValueError, match="opens the run by its folder"):
        find(trained, **options(judges=Judges(processes=2, device="cpu")))


@pytest.fixture
def judged(monkeypatch) -> list[Architecture]:
    """The architectures that are judged, as often as they are."""
    found: list[Architecture] = []
    judge = Judge.__call__

    def noted(self, architectures):
        found.extend(architectures)
        return judge(self, architectures)

    monkeypatch.setattr(Judge, "__call__", noted)
    return found


def test_a_search_that_has_ended_is_read_again_without_judging(trained, tmp_path, judged):
    more = options(num_evaluations=6, folder=tmp_path)
    front = find(trained, **more)
    judged.clear()
    assert find(trained, **more) == front
    assert judged == []


def test_a_folder_of_another_generator_or_judge_is_refused(trained, tmp_path):
    more = options(num_evaluations=2, folder=tmp_path)
    find(trained, **more)
    before = (tmp_path / "search.csv").read_bytes()
    with pytest.raises(ValueError, match="calibration_batches: 2 then, 1 now"):
        find(trained, **{**more, "judges": Judges(calibration_batches=1, device="cpu")})
    fit(trained.generator, callbacks=[])
    with pytest.raises(ValueError, match=r"(?s)of something else.*weights: "):
        find(trained, **more)
    assert (tmp_path / "search.csv").read_bytes() == before


def test_two_searches_in_one_folder_are_refused(trained, tmp_path):
    with held(tmp_path), pytest.raises(FileExistsError, match="another process works in"):
        find(trained, **options(folder=tmp_path))
    assert list(tmp_path.iterdir()) == []


class Paid(Cost):
    """A cost that notes what it is paid for."""

    name, unit = "paid", ""

    def __init__(self, inner: Cost, notes: Path) -> None:
        self.inner, self.notes = inner, notes

    def __call__(self, architectures):
        with self.notes.open("a") as file:
            for architecture in architectures:
                file.write(architecture.to_json() + "\n")
        return self.inner(architectures)


def kill_at(calls: int) -> None:
    """End this process, as kill -9 does, at a call of a function from now on."""

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls -= event == "call"
        if calls < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)


def num_calls(function: Callable[[], object]) -> int:
    """The calls of functions that a call makes."""
    events: Counter[str] = Counter()
    sys.setprofile(lambda frame, event, argument: events.update([event]))
    try:
        function()
    finally:
        sys.setprofile(None)
    return events["call"]


@pytest.mark.filterwarnings(
    "ignore:.*multi-threaded:DeprecationWarning"
)  # of fork, from Python 3.12 on
def test_a_search_that_is_killed_again_and_again_ends_the_same_and_pays_nothing_recorded_again(
    trained, tmp_path
):
    def search(name: str) -> Front:
        cost = Paid(Parameters(trained.space), tmp_path / f"{name}.txt")
        more = options(objectives=["accuracy", "paid"], costs=[cost], num_evaluations=24)
        return find(trained, **more, folder=tmp_path / name)

    calls = num_calls(lambda: search("whole"))
    rng = random.Random(0)
    ended = []
    for _ in range(20):
        child = os.fork()
        if not child:
            kill_at(rng.randrange(calls // 2))
            search("killed")
            os._exit(0)
        rng.randrange(calls // 2)  # as the child did
        ended.append(os.waitpid(child, 0)[1])
    assert ended.count(signal.SIGKILL) >= 5
    assert search("killed") == search("whole")
    for name in ("search.csv", "front.json", "reference.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    paid = (tmp_path / "killed.txt").read_bytes()
    search("killed")
    assert (tmp_path / "killed.txt").read_bytes() == paid
