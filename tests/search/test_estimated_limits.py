"""Measures that are computed of few architectures."""

from functools import partial

import pytest
from toys import measure, plain

from hypernas.cost import Flops, Memory, Parameters
from hypernas.search import (
    Aows,
    Constraint,
    Estimate,
    Evolution,
    Exhaustive,
    Infeasible,
    Linas,
    Nsga2,
    Objective,
    Problem,
    Random,
    run,
)
from hypernas.search.aim import Aim, problem_of

LARGE = plain(9, 4)  # 262,144 architectures


def product(genes):
    return float((genes[0] + 1) * (genes[1] + 2) * (genes[2] + 3) + genes[3])


def bounded(space, bound, **settings):
    """A problem whose cost is estimated, its measures, and the cost."""
    good, dear = measure(space, "good", sum), measure(space, "dear", product)
    estimate = Estimate(dear, space, num_samples=40, **settings)
    problem = Problem(
        space, [Objective("good", maximize=True)], [Constraint("dear", bound)], {"dear": estimate}
    )
    return problem, [good, measure(space, "dear", product)], dear


def test_what_was_computed_is_exact_and_the_rest_near():
    space = plain(5, 4)
    dear = measure(space, "dear", product)
    estimate = Estimate(dear, space, num_samples=64)
    every = list(space.enumerate())
    exact = dear(every)
    spread = max(exact) - min(exact)
    off = [abs(a - b) / spread for a, b in zip(estimate(every), exact, strict=True)]
    assert max(off) > 0
    assert sum(off) / len(off) < 0.02
    some = [every[i] for i in (3, 500, 1023)]
    assert estimate.compute(some)
    assert not estimate.compute(some)
    assert estimate(some) == dear(some)


def test_a_small_space_is_computed_whole_and_a_large_one_is_not():
    for space, num in ((plain(3), 27), (LARGE, 64)):
        dear = measure(space, "dear", sum)
        estimate = Estimate(dear, space, num_samples=64)
        estimate([space.smallest(), space.largest()])
        assert len(dear.asked) == len(set(dear.asked)) <= num


@pytest.mark.parametrize(
    "method", [partial(Linas, inner_evaluations=400), Random, Evolution, Nsga2, Aows]
)
@pytest.mark.parametrize("space", [plain(5, 4), LARGE], ids=["small", "large"])
def test_nothing_that_breaks_an_estimated_limit_is_evaluated_and_few_are_computed(method, space):
    problem, measures, dear = bounded(space, 30.0)
    search = method(problem, seed=0)
    for _ in run(search, measures, num_evaluations=32, num_at_once=8):
        pass
    assert len(search.told) == 32
    assert all(one.values["dear"] <= 30.0 for one in search.told)
    assert len(dear.asked) < 400


def test_the_best_within_an_estimated_limit_is_that_within_a_known_one():
    space = plain(5, 4)
    problem, measures, _ = bounded(space, 30.0)
    search = Linas(problem, seed=1)
    for _ in run(search, measures, num_evaluations=48, num_at_once=8):
        pass
    every = list(space.enumerate())
    good, exact = (one(every) for one in measures)
    best = max(g for g, value in zip(good, exact, strict=True) if value <= 30.0)
    assert search.ranked()[0].values["good"] == best


def test_an_exhaustive_search_leaves_nothing_out_by_an_estimate():
    space = plain(4, 3)
    problem, measures, _ = bounded(space, 30.0)
    search = Exhaustive(problem)
    for _ in run(search, measures, num_evaluations=1000):
        pass
    exact = measures[1](list(space.enumerate()))
    assert len(search.told) == sum(value <= 30.0 for value in exact)


@pytest.mark.parametrize("space", [plain(5, 4), LARGE], ids=["small", "large"])
def test_a_limit_that_only_the_smallest_meets_is_met_and_a_lower_one_is_refused(space):
    least = product([0] * 9)
    problem, measures, _ = bounded(space, least)
    search = Linas(problem, inner_evaluations=400, seed=0)
    for _ in run(search, measures, num_evaluations=4, num_at_once=4):
        pass
    assert {one.values["dear"] for one in search.told} == {least}
    problem, measures, dear = bounded(space, least - 1)
    with pytest.raises(Infeasible, match=f"smallest value is {least:g}"):
        list(run(Linas(problem, seed=0), measures, num_evaluations=4))
    assert len(dear.asked) < 400


def test_operations_and_memory_that_an_aim_limits_are_estimated():
    space = plain(2)
    measures = {cost.name: cost for cost in (Parameters(space), Flops(space), Memory(space))}
    limits = {"parameters": 9, "flops": 9, "memory": 9}
    known = problem_of(space, Aim(objectives=["parameters"], constraints=limits), measures).known
    kinds = {name: isinstance(known[name], Estimate) for name in limits}
    assert kinds == {"parameters": False, "flops": True, "memory": True}


def test_a_sample_of_which_nothing_can_be_learned_is_refused():
    with pytest.raises(ValueError, match="num_samples"):
        Estimate(measure(LARGE, "dear", sum), LARGE, num_samples=1)
