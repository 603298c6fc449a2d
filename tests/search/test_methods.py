"""Each method of search, as its file in configs/ names it."""

import functools
import inspect

import pytest
import yaml
from toys import conditional, trade

from hypernas.runs.config_files import configs
from hypernas.runs.instantiate import instantiate, named
from hypernas.search import History, Search, run

FILES = {p.stem: p for p in sorted((configs() / "search").glob("*.yaml")) if p.stem != "own"}
META = ("_target_", "_partial_", "_convert_")


def method(name: str, **changed) -> functools.partial:
    """The method of a file, as a function of a problem."""
    settings = yaml.safe_load(FILES[name].read_text())
    return instantiate(settings | {"seed": 0} | changed if "seed" in settings else settings)


@pytest.mark.parametrize("name", FILES)
def test_a_config_gives_every_argument_its_default(name):
    settings = yaml.safe_load(FILES[name].read_text())
    given = {key: value for key, value in settings.items() if key not in META}
    parameters = dict(inspect.signature(named(settings["_target_"])).parameters)
    parameters.pop("problem")
    assert list(given) == list(parameters)
    given.pop("seed", None)
    assert given == {key: parameters[key].default for key in given}


@pytest.mark.parametrize("name", FILES)
def test_no_method_asks_twice_and_all_go_on_where_they_were_stopped(name, tmp_path):
    space = conditional()
    problem, measures = trade(space)
    whole: Search = method(name)(problem)
    list(run(whole, measures, num_evaluations=40, num_at_once=6))
    asked = [one.architecture for one in whole.told]
    assert len(set(asked)) == len(asked) > 0
    assert all(architecture in space for architecture in asked)
    history = History(space, ["good", "dear"], tmp_path / "search.csv")
    history.add(whole.told[:15])
    again: Search = method(name)(problem)
    _, fresh = trade(space)
    list(run(again, fresh, num_evaluations=40, num_at_once=6, history=history))
    assert again.told == whole.told
    assert fresh[0].asked == asked[15:]
