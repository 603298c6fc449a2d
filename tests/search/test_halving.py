"""Successive halving: reading on only for what may still be among the best."""

import functools

import numpy as np
import pytest
import torch
from judges import task
from torch.utils.data import Subset, TensorDataset
from training_runs import fit, space

from hypernas import generators
from hypernas.cost import Parameters
from hypernas.data import Data
from hypernas.evaluation import evaluate
from hypernas.objectives import CrossEntropy
from hypernas.runs.judges import Judges
from hypernas.runs.load import Run
from hypernas.runs.search import EVALUATIONS, find
from hypernas.search import (
    Constraint,
    Evaluated,
    Exhaustive,
    Front,
    History,
    Objective,
    Problem,
    Random,
)
from hypernas.search import run as search_run
from hypernas.search.hurdle import Hurdle
from hypernas.search.judge import Judge, Judging
from hypernas.search.quality import Quality, Verdicts
from hypernas.search.stages import stages, stratified
from hypernas.search.standing import Standing

OBJECTIVES = [Objective("accuracy", maximize=True), Objective("parameters")]


@functools.cache
def trained() -> generators.Generator:
    generator = generators.shared(space())
    fit(generator, callbacks=[])
    return generator


def judge(halving: float | None = 0.25) -> Judge:
    return Judge([trained()], task(), calibration_batches=3, batch_size=32, halving=halving)


def told(judging: Judging, *, history: History | None = None, num: int = 6, beside: int = 1):
    """What an exhaustive search is told, three architectures at a time."""
    measures = [Quality("accuracy", Verdicts(judging)), Parameters(space())]
    search = Exhaustive(Problem(space(), OBJECTIVES))
    batches = search_run(
        search,
        measures,
        num_evaluations=num,
        num_at_once=3,
        num_side_by_side=beside,
        history=history,
        halving=True,
    )
    return [one for batch in batches for one in batch]


def test_what_is_out_of_reach_enters_no_front_and_meets_no_bound_wherever_it_is_in_its_interval():
    rng, found = np.random.default_rng(0), 0
    problem = Problem(space(), OBJECTIVES, [Constraint("accuracy", 0.3, at_most=False)])
    every = list(space().enumerate())
    for _ in range(300):
        others = [
            Evaluated(a, {"accuracy": rng.random(), "parameters": float(rng.integers(4))})
            for a in every[1:]
        ]
        standing = Standing.of(problem, others)
        cost, low = float(rng.integers(4)), rng.random()
        interval = (low, low + 0.2 * rng.random())
        if not standing.hurdle({"parameters": cost}).out_of_reach({"accuracy": interval}):
            continue
        found += 1
        for accuracy in (*interval, rng.uniform(*interval)):
            one = Evaluated(every[0], {"accuracy": accuracy, "parameters": cost})
            front = Front.of(problem, [*others, one])
            assert front == Front.of(problem, others)
    assert found > 100


def test_while_nothing_competes_nothing_is_out_of_reach():
    problem = Problem(space(), OBJECTIVES, [Constraint("accuracy", 0.9, at_most=False)])
    bad = Evaluated(space().smallest(), {"accuracy": 0.1, "parameters": 1.0})
    for others in ([], [bad]):
        hurdle = Standing.of(problem, others).hurdle({"parameters": 9.0})
        assert not hurdle.out_of_reach({"accuracy": (0.0, 0.1)})


def test_what_is_measured_by_nobody_yet_may_be_anything():
    problem = Problem(space(), [*OBJECTIVES, Objective("latency")])
    values = {"accuracy": 0.9, "parameters": 1.0, "latency": 1.0}
    standing = Standing.of(problem, [Evaluated(space().smallest(), values)])
    bad = {"accuracy": (0.0, 0.1)}
    assert not standing.hurdle({"parameters": 9.0}).out_of_reach(bad)
    assert standing.hurdle({"parameters": 9.0, "latency": 2.0}).out_of_reach(bad)


def test_every_beginning_of_the_order_has_the_classes_as_all_have():
    classes = torch.tensor([0] * 40 + [1] * 20 + [2] * 4)
    order = stratified(classes, torch.Generator().manual_seed(0))
    assert order.sort().values.equal(torch.arange(64))
    for num in (16, 32, 48, 64):
        for value, size in ((0, 40), (1, 20), (2, 4)):
            assert abs((classes[order[:num]] == value).sum() - size * num / 64) <= 1.5


@pytest.mark.parametrize("kind", ["tensors", "examples"])
def test_both_stages_are_the_whole_split_once(kind):
    whole = TensorDataset(torch.arange(21.0)[:, None], torch.arange(21) % 2)
    split = whole if kind == "tensors" else Subset(whole, range(21))
    data = Data("numbers", split, split, split, (1,), 2)
    first, rest, num = stages(data, 0.25, device=torch.device("cpu"))
    read = [x for batches in (first, rest) for inputs, _ in batches for x in inputs[:, 0].tolist()]
    assert num == sum(len(targets) for _, targets in first) == 5
    assert sorted(read) == list(range(21))


def test_a_subnet_without_a_hurdle_has_the_measures_of_the_whole_split():
    own, largest = judge(), space().largest()
    (found,) = own([largest])
    generator, work = own.generators[0], own.task
    (expected,) = evaluate(
        generator,
        work.data,
        {"largest": largest},
        objective=CrossEntropy(),
        split="validation",
        calibration_batches=3,
        batch_size=32,
    )
    means = {name: measure.mean for name, measure in found.items()}
    assert means == pytest.approx(expected.calibrated, abs=1e-6)
    assert found.examples is None


def test_a_subnet_that_cannot_surpass_its_hurdle_is_read_in_part():
    hurdle = Hurdle((("cross_entropy", False),), (), {}, ((-1.0,),))
    (stopped,) = judge()([space().smallest()], [hurdle])
    assert stopped.examples == stopped["accuracy"].num == 10


def test_what_was_read_in_part_is_told_with_its_number_of_examples_and_stands_in_no_front():
    found = told(judge())
    parts = [one for one in found if one.examples is not None]
    assert {one.examples for one in parts} == {10}
    assert 0 < len(parts) < len(found)
    whole = {one.architecture: one for one in told(judge(halving=1.0))}
    problem = Problem(space(), OBJECTIVES)
    front = Front.of(problem, found)
    assert all(whole[p.architecture].values == pytest.approx(p.values) for p in front.points)
    better = Evaluated(parts[0].architecture, {"accuracy": 2.0, "parameters": 0.0}, examples=10)
    assert Front.of(problem, [*found, better]) == front


@pytest.mark.parametrize("beside", [2, 3])
def test_a_search_stops_at_the_same_however_many_are_judged_side_by_side(beside):
    assert told(judge(), beside=beside) == told(judge())


def test_a_search_that_is_gone_on_with_stops_where_it_would_have(tmp_path):
    def history(name: str) -> History:
        path = tmp_path / f"{name}.csv"
        return History(space(), ["accuracy", "parameters"], path, halving=True)

    whole = told(judge(), history=history("whole"))
    for stopped in (1, 4):
        record = history(str(stopped))
        record.add([Evaluated(o.architecture, o.values, {}, o.examples) for o in whole[:stopped]])
        told(judge(), history=history(str(stopped)))
        assert (tmp_path / f"{stopped}.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_search_of_a_run_tells_what_was_read_and_is_bound_to_it(tmp_path):
    own = judge()
    run = Run(own.task.data, space(), own.generators[0], CrossEntropy())
    search = functools.partial(
        find,
        run,
        objectives=["accuracy", "parameters"],
        method=Random,
        num_evaluations=6,
        folder=tmp_path,
    )
    search(judges=Judges(calibration_batches=2, device="cpu", halving=0.5))
    header, *rows = (tmp_path / EVALUATIONS).read_text().splitlines()
    assert "examples" in header.split(",")
    assert len(rows) == 6
    with pytest.raises(ValueError, match=r"halving: 0\.5 then, None now"):
        search(judges=Judges(calibration_batches=2, device="cpu"))


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"halving: expected 0\.0 to 1\.0, got 2"):
        judge(halving=2)
