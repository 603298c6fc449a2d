"""Each method of search, as its file in configs/ names it."""

import functools
import inspect

import pytest
import yaml
from toys import conditional, measure, plain, trade

from hypernas import SearchSpace
from hypernas.runs.config_files import configs
from hypernas.runs.instantiate import instantiate, named
from hypernas.search import Constraint, Front, History, Infeasible, Problem, Search, run

FILES = {p.stem: p for p in sorted((configs() / "search").glob("*.yaml")) if p.stem != "own"}
META = ("_target_", "_partial_", "_convert_")
SINGLE = {"evolution", "aows", "largest_that_fits"}  # have one objective


def method(name: str) -> functools.partial:
    """The method of a file, as a function of a problem."""
    settings = yaml.safe_load(FILES[name].read_text())
    settings |= {"seed": 0} if "seed" in settings else {}
    if name == "optuna":  # its TPE takes seconds
        sampler = {"_target_": "optuna.samplers.RandomSampler", "_partial_": True}
        settings |= {"sampler": sampler}
    return instantiate(settings)


def task(name: str, space: SearchSpace, bound: float | None = None) -> tuple[Problem, list]:
    """A problem that the method can have, its dear measure known, perhaps bounded; the measures."""
    problem, measures = trade(space)
    num = 1 if name in SINGLE else 2
    limits = [Constraint("dear", bound or measures[1]([space.largest()])[0])]
    limits = limits if name in SINGLE or bound else []
    return Problem(space, problem.objectives[:num], limits, {"dear": trade(space)[1][1]}), measures


@pytest.mark.parametrize("name", FILES)
def test_a_config_gives_every_argument_its_default(name):
    settings = yaml.safe_load(FILES[name].read_text())
    given = {key: value for key, value in settings.items() if key not in META}
    parameters = dict(inspect.signature(named(settings["_target_"])).parameters)
    parameters.pop("problem")
    assert list(given) == list(parameters)
    given.pop("seed", None)
    made = {key: instantiate(value) for key, value in given.items()}
    defaults = {key: parameters[key].default for key in given}
    assert {key: plainly(value) for key, value in made.items()} == {
        key: plainly(value) for key, value in defaults.items()
    }


def plainly(value):
    """Lists for tuples, and what a partial without arguments calls."""
    if isinstance(value, functools.partial) and not value.keywords:
        return value.func
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", FILES)
def test_no_method_asks_twice_and_all_go_on_where_they_were_stopped(name, tmp_path):
    space = conditional()
    problem, measures = task(name, space)
    whole: Search = method(name)(problem)
    list(run(whole, measures, num_evaluations=50, num_at_once=6))
    asked = [one.architecture for one in whole.told]
    assert len(set(asked)) == len(asked) > 0
    assert all(architecture in space for architecture in asked)
    history = History(space, ["good", "dear"], tmp_path / "search.csv")
    history.add(whole.told[:15])
    problem, fresh = task(name, space)
    again: Search = method(name)(problem)
    list(run(again, fresh, num_evaluations=50, num_at_once=6, history=history))
    assert again.told == whole.told
    assert fresh[0].asked == asked[15:]


@pytest.mark.parametrize("name", FILES)
def test_every_architecture_that_is_asked_meets_the_known_constraints(name):
    space = plain(5)
    problem, measures = task(name, space, bound=22)
    search = method(name)(problem)
    list(run(search, measures, num_evaluations=40))
    assert max(one.values["dear"] for one in search.told) <= 22


@pytest.mark.parametrize("name", FILES)
def test_constraints_that_nothing_meets_are_refused_by_every_method(name):
    space = plain(5)
    problem, _ = task(name, space, bound=14)
    with pytest.raises(Infeasible, match=r"smallest value is 15, of .width_0: 0"):
        method(name)(problem).ask(8)


@pytest.mark.parametrize("name", FILES)
def test_every_method_ends_once_it_has_nothing_new_to_ask(name):
    space = plain(3)
    problem, measures = task(name, space)
    search = method(name)(problem)
    batches = list(run(search, measures, num_evaluations=1000))
    assert len(search.told) == sum(map(len, batches)) <= space.size
    assert search.ask(4) == []


@pytest.mark.parametrize("name", sorted(FILES.keys() - SINGLE - {"random", "exhaustive", "optuna"}))
def test_methods_for_fronts_come_closer_to_the_true_one_than_random_search(name):
    space, reference = plain(6), {"good": 0.0, "dear": 70.0}
    volumes = []
    for chosen in (name, "random"):
        problem, measures = task(chosen, space)
        search = method(chosen)(problem)
        list(run(search, measures, num_evaluations=60, num_at_once=10))
        volumes.append(Front.of(problem, search.told).hypervolume(reference))
    assert volumes[0] > volumes[1]


@pytest.mark.parametrize("name", sorted(SINGLE & FILES.keys()))
def test_more_than_one_objective_is_refused_where_a_method_has_one(name):
    problem, _ = trade(plain(3))
    with pytest.raises(ValueError, match=r"one objective.*\['good', 'dear'\]"):
        method(name)(problem)


def whole(name: str) -> list[str]:
    """Its settings that are numbers."""
    settings = yaml.safe_load(FILES[name].read_text())
    return [key for key, value in settings.items() if isinstance(value, int | float)] + [
        key for key in settings if key == "seed"
    ]


@pytest.mark.parametrize("name", FILES)
def test_numbers_that_make_no_sense_are_refused_all_at_once(name):
    problem, _ = task(name, plain(3))
    names = [key for key in whole(name) if not key.startswith("_")]
    for wrong in (-1, float("nan"), True):
        if names:
            with pytest.raises(ValueError, match="cannot be set up") as refused:
                method(name).func(problem, **dict.fromkeys(names, wrong))
            assert all(f"  {key}: expected" in str(refused.value) for key in names)


LEAST = {
    "evolution": {"population": 1, "num_parents": 1},
    "nsga2": {"population": 1},
    "linas": {"initial": 3, "inner_evaluations": 1},
    "coarse_to_fine": {"coarse": 1},
    "aows": {"initial": 1, "temperature": 0.0, "cooling": 0.0},
}


@pytest.mark.parametrize("name", LEAST)
def test_the_least_settings_that_are_allowed_search_to_the_end(name):
    problem, measures = task(name, plain(4))
    search = method(name).func(problem, **LEAST[name])
    list(run(search, measures, num_evaluations=30, num_at_once=5))
    assert len(search.told) == 30


def test_a_count_that_is_not_whole_is_refused():
    problem, _ = task("evolution", plain(3))
    with pytest.raises(ValueError, match=r"expected 1 or more, whole, got 2\.5"):
        method("evolution").func(problem, population=2.5)


def test_constraints_that_are_measured_are_met_in_the_end():
    space = plain(6)
    problem, (good, dear) = trade(space)
    late = measure(space, "late", lambda genes: float(genes[0] + 3 * genes[5]))
    bounded = Problem(space, problem.objectives, [Constraint("late", 2)])
    search = method("nsga2")(bounded)
    list(run(search, [good, dear, late], num_evaluations=200))
    last = search.told[-40:]
    assert sum(one.values["late"] <= 2 for one in last) > 20
