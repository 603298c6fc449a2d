"""Generators of spaces whose law is undecided: what is said, when, and of whose fault."""

import warnings

import pytest
import torch
from ready_made import READY
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from hypernas import SearchSpace, check, generators
from hypernas.spaces import resnet
from hypernas.subnet.law import caution, enforce
from hypernas.subnet.law.watch import Watch

X = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


class Two(nn.Module):
    """Reads two tensors: no guess suits it."""

    def __init__(self, w: int) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, w), nn.Linear(w, 2)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        if y.shape != x.shape:
            raise ValueError("y is as large as x")
        return self.b(self.a(x) + self.a(y))


def space(widths=(2, 4), **options) -> SearchSpace:
    return SearchSpace({"w": list(widths)}, lambda a: Two(a["w"]), **options)


def test_what_is_undecided_for_want_of_inputs_is_said_once_with_what_decides_it():
    undecided = space()
    with pytest.warns(UserWarning, match=r"a\.weight, a\.bias, b\.weight: .*inputs=") as caught:
        generators.shared(undecided)
    assert len(caught) == 1
    generators.shared(undecided)  # a second warning would be an error


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", READY)
def test_ready_made_spaces_say_nothing(name):
    space = READY[name].__wrapped__().space  # which nobody has looked at before
    enforce(space)
    caution(space)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "told",
    [
        space(inputs=(X, X)),
        space(layouts={"*": "..."}),
        space(layouts={"a.*": "...", "b.weight": "rows columns"}),
        space(widths=[4]),
    ],
    ids=["inputs", "prefixes are meant", "layouts of all that is cut", "nothing is cut"],
)
def test_nothing_is_said_where_nothing_can_be_wrong(told):
    generators.shared(told)


def test_any_axes_without_factors_are_cut_as_if_nothing_were_written_and_other_layouts_go_before():
    def build(a):
        return nn.Sequential(nn.Conv1d(3, a["w"], a["k"]), nn.LSTM(5, a["w"]))

    choices = {"w": [2, 4], "k": [1, 3]}
    weights = []
    for layouts in ({}, {"*": "..."}, {"*": "...", "0.weight": "out in kernel"}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            generator = generators.shared(SearchSpace(choices, build, layouts=layouts))
        weights.append(generator({"w": 2, "k": 1}))
    for others in weights[1:]:
        assert all(torch.equal(weights[0][name], others[name]) for name in weights[0])


def test_a_fault_of_our_own_is_not_taken_for_inputs_that_do_not_suit(monkeypatch):
    def broken(*args: object) -> None:
        raise AttributeError("no such thing")

    monkeypatch.setattr(Watch, "before", broken)
    (verdict, *_) = check(space(inputs=(X, X))).verdicts
    assert "a fault of hypernas, AttributeError: no such thing" in verdict.because


def test_inputs_that_the_network_refuses_are_told_in_its_words():
    (verdict, *_) = check(space(inputs=(X, X[:2]))).verdicts
    assert verdict.because == "the network fails on the inputs: ValueError: y is as large as x"


def test_weight_norm_and_groups_of_a_norm_that_follow_the_width_are_decided():
    def build(a):
        first = parametrizations.weight_norm(nn.Linear(3, a["w"]))
        return nn.Sequential(first, nn.ReLU(), nn.Linear(a["w"], 2))

    assert {v.state for v in check(SearchSpace({"w": [2, 4]}, build)).verdicts} == {"holds"}
    images = resnet(
        input_shape=(3, 8, 8), num_classes=2, widths=[[8, 16]], depths=[[1]], norm="group"
    )
    assert {v.state for v in check(images).verdicts} == {"holds"}
