"""Choices whose values are lists, words or nothing at all, and which decide sizes all the same."""

import pytest
import torch
from torch import Tensor, nn

from hypernas import SearchSpace, check, generators
from hypernas.space import Choice

X = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))


class Gated(nn.Module):
    """Gates and values in one matrix, which a prefix cuts across."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(6, 2 * width), nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        values, gates = self.enter(x).chunk(2, -1)
        return self.leave(values * gates.sigmoid())


class Branches(nn.Module):
    """Two hidden layers side by side."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, first), nn.Linear(6, second)
        self.c, self.d = nn.Linear(first, 3), nn.Linear(second, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.a(x).relu()) + self.d(self.b(x).relu())


VALUES = {
    "lists": ([[2], [4]], lambda v: v[0]),
    "lists, the larger first": ([[4], [2]], lambda v: v[0]),
    "tuples of two": ([(1, 2), (2, 2), (2, 1)], lambda v: v[0] * v[1]),
    "lists of lists": ([[[2], 1], [[4], 1]], lambda v: v[0][0]),
    "words": (["large", "small"], {"small": 2, "large": 4}.__getitem__),
    "truth": ([False, True], lambda v: 4 if v else 2),
    "nothing": ([None, 2], lambda v: v or 4),
    "numbers without an order": (Choice([2, 4], ordered=False), lambda v: v),
}


@pytest.mark.parametrize("values", VALUES)
def test_sizes_that_kinds_decide_are_put_to_the_law(values):
    choices, width = VALUES[values]
    space = SearchSpace({"kind": choices}, lambda a: Gated(width(a["kind"])), inputs=X)
    found = check(space)
    assert dict(found.layouts) == {
        "enter.weight": "(two rows) columns",
        "enter.bias": "(two rows)",
    }
    with pytest.raises(ValueError, match=r"\(two rows\) columns"):
        generators.shared(space)


def test_what_a_list_decides_holds_under_the_layouts_that_are_found():
    space = SearchSpace({"kind": [[4], [2]]}, lambda a: Gated(a["kind"][0]), "auto", inputs=X)
    generator = generators.shared(space).eval()
    whole, part = generator({"kind": [4]}), generator({"kind": [2]})
    assert torch.equal(part["enter.weight"], whole["enter.weight"][[0, 1, 4, 5]])
    assert [v.state for v in check(space).verdicts] == ["holds"] * 7


def test_lists_of_which_one_is_the_largest_throughout_hold_where_prefixes_are_right():
    space = SearchSpace({"dims": [(2, 4), (3, 6)]}, lambda a: Branches(*a["dims"]), inputs=X)
    assert [v.state for v in check(space).verdicts] == ["holds"] * 7


def test_lists_of_which_none_is_the_largest_throughout_are_undecided_and_named():
    space = SearchSpace({"dims": [(2, 6), (3, 4)]}, lambda a: Branches(*a["dims"]), inputs=X)
    found = check(space)
    assert {v.state for v in found.verdicts} == {"undecided"}
    assert set(found.verdicts[1].at_risk) == {"a.weight", "a.bias", "c.weight"}
    assert set(found.verdicts[2].at_risk) == {"b.weight", "b.bias", "d.weight"}
    with pytest.warns(UserWarning, match=r"right part of a\.weight, a\.bias, c\.weight"):
        generators.shared(space)


def test_layouts_that_are_written_decide_lists_of_which_none_is_the_largest():
    layouts = {"*": "..."}
    space = SearchSpace({"dims": [(2, 6), (3, 4)]}, lambda a: Branches(*a["dims"]), layouts, X)
    assert check(space).decided
    generators.shared(space)


def test_kinds_that_decide_functions_alone_are_compared_with_their_own():
    functions = {"relu": torch.relu, "tanh": torch.tanh}

    class Net(nn.Module):
        def __init__(self, width: int, function: str) -> None:
            super().__init__()
            self.enter, self.leave = nn.Linear(6, width), nn.Linear(width, 3)
            self.function = functions[function]

        def forward(self, x: Tensor) -> Tensor:
            return self.leave(self.function(self.enter(x)))

    choices = {"dims": [[2], [4]], "function": ["relu", "tanh"]}
    space = SearchSpace(choices, lambda a: Net(a["dims"][0], a["function"]), inputs=X)
    assert {v.state for v in check(space).verdicts} == {"holds"}


def test_a_mapping_is_refused_as_a_value_by_name():
    with pytest.raises(TypeError, match=r"got \{'heads': 2\} of type dict"):
        SearchSpace({"kind": [{"heads": 2}, {"heads": 4}]}, lambda a: Gated(2))
