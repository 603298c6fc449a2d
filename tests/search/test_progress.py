"""Reference points of hypervolumes are fixed before a search."""

from torch import nn

from hypernas import Choice, SearchSpace
from hypernas.cost import Parameters
from hypernas.search import Objective, Problem
from hypernas.search.progress import reference_point

WIDTHS = {"a": 1, "b": 50, "c": 2}


def test_the_reference_point_of_what_is_counted_is_the_worst_where_it_lies_at_no_end():
    space = SearchSpace(
        {"kind": Choice(["a", "b", "c"])}, lambda a: nn.Linear(WIDTHS[a["kind"]], 1, bias=False)
    )
    problem = Problem(space, [Objective("parameters")])
    ends = [space.smallest(), space.largest()]
    assert reference_point(problem, [Parameters(space)], ends) == {"parameters": 50}
