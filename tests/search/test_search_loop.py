"""The loop of a search, and what every method obeys in it."""

import pytest
from toys import conditional, measure, plain, trade

from hypernas.search import (
    Constraint,
    Evaluated,
    Exhaustive,
    History,
    Infeasible,
    Objective,
    Problem,
    Random,
)
from hypernas.search import run as search_run


def test_an_exhaustive_search_asks_for_everything_once():
    space = conditional()
    problem, measures = trade(space)
    search = Exhaustive(problem)
    batches = list(search_run(search, measures, num_evaluations=1000, num_at_once=7))
    assert [one.architecture for batch in batches for one in batch] == list(space.enumerate())
    assert measures[0].asked == list(space.enumerate())
    assert search.ask(3) == []


def test_an_exhaustive_search_of_a_large_space_is_refused_with_its_size():
    with pytest.raises(ValueError, match=r"729 architectures, .* at most 100"):
        Exhaustive(trade(plain())[0], limit=100)


def test_a_search_goes_on_where_its_history_ends_and_pays_nothing_twice(tmp_path):
    space = conditional()
    problem, measures = trade(space)
    whole = Random(problem, seed=3)
    list(search_run(whole, measures, num_evaluations=30, num_at_once=4))
    for stopped in (0, 3, 4, 17):
        path = tmp_path / f"{stopped}.csv"
        record = History(space, ["good", "dear"], path)
        record.add(whole.told[:stopped])
        _, fresh = trade(space)
        search, history = Random(problem, seed=3), History(space, ["good", "dear"], path)
        list(search_run(search, fresh, num_evaluations=30, num_at_once=4, history=history))
        assert search.told == whole.told
        assert fresh[0].asked == measures[0].asked[stopped:30]


@pytest.mark.parametrize(("beside", "left"), [(1, 5), (3, 3)])
def test_a_subnet_that_fails_leaves_those_before_it_on_the_disk(tmp_path, beside, left):
    space, path = conditional(), tmp_path / "search.csv"
    problem, (good, dear) = trade(space)
    sixth = list(space.enumerate())[5]

    def fail(genes):
        if genes == dear.genome.encode(sixth):
            raise RuntimeError("out of memory")
        return 1.0

    bad, names = measure(space, "dear", fail), ["good", "dear"]
    steps = search_run(
        Exhaustive(problem),
        [good, bad],
        num_evaluations=16,
        num_at_once=16,
        num_side_by_side=beside,
        history=History(space, names, path),
    )
    with pytest.raises(RuntimeError, match="out of memory"):
        next(steps)
    assert [one.architecture for one in History(space, names, path)] == list(space.enumerate())[
        :left
    ]


def test_measures_that_do_not_fit_are_refused():
    space = plain()
    problem, (good, dear) = trade(space)
    with pytest.raises(ValueError, match=r"\['dear'\] missing"):
        next(search_run(Random(problem), [good], num_evaluations=1))
    with pytest.raises(ValueError, match="one measure each"):
        next(search_run(Random(problem), [good, dear, dear], num_evaluations=1))
    nan = measure(space, "dear", lambda _: float("nan"))
    with pytest.raises(ValueError, match="dear: expected 1 finite numbers"):
        next(search_run(Random(problem), [good, nan], num_evaluations=2))


def test_a_search_is_told_only_what_it_asked_for():
    problem, _ = trade(plain())
    search, other = Random(problem), Random(problem, seed=1)
    with pytest.raises(ValueError, match=r"expected values of \['good', 'dear'\]"):
        search.tell([Evaluated(search.ask(1)[0], {"good": 1.0})])
    with pytest.raises(ValueError, match="was not asked"):
        search.tell([Evaluated(other.ask(1)[0], {"good": 1.0, "dear": 1.0})])


@pytest.mark.parametrize("space", [conditional(), plain(20)], ids=["small", "large"])
def test_random_search_stays_within_known_constraints_however_tight(space):
    _, (_good, dear) = trade(space)
    floor = dear([space.smallest()])[0]
    limits = [Constraint("dear", floor + 3)]
    problem = Problem(space, [Objective("good", True)], limits, {"dear": dear})
    found = Random(problem).ask(5)
    assert len(set(found)) == len(found) > 1
    assert max(dear(found)) <= floor + 3


@pytest.mark.parametrize("space", [conditional(), plain(20)], ids=["small", "large"])
def test_constraints_that_nothing_meets_are_an_error_with_the_smallest_value(space):
    _, (_good, dear) = trade(space)
    every = list(space.enumerate()) if space.size < 1000 else [space.smallest()]
    floor = min(dear(every))
    limits = [Constraint("dear", floor - 1)]
    problem = Problem(space, [Objective("good", True)], limits, {"dear": dear})
    with pytest.raises(Infeasible, match=f"smallest value is {floor:g}, of"):
        Random(problem).ask(5)


def test_random_search_ends_when_a_space_is_used_up():
    problem, measures = trade(plain(2))
    search = Random(problem)
    list(search_run(search, measures, num_evaluations=100))
    assert len(search.told) == 9
