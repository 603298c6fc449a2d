"""Counts of architectures are those of their modules, and memory is that of a count by hand."""

import sys

import pytest
import torch
from example_spaces import EXAMPLES, conv, tied
from ready_made import READY
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace
from hypernas.cost import (
    Flops,
    Memory,
    Parameters,
    flops,
    num_parameters,
    peak_memory,
    subnet_flops,
)

FLOAT = 4  # bytes


def test_costs_are_those_of_the_modules_in_their_order():
    space, inputs = conv()
    architectures = [space.largest(), space.smallest(), space.largest()]
    modules = [space.build(a) for a in architectures]
    assert Parameters(space)(architectures) == [num_parameters(m) for m in modules]
    assert Flops(space, inputs)(architectures) == [flops(m, inputs) for m in modules]
    assert Memory(space, inputs)(architectures) == [peak_memory(m, inputs) for m in modules]


def test_a_tied_parameter_counts_once():
    space, _ = tied()
    (found,) = Parameters(space)([space.smallest()])
    assert found == 11 * 4 + 2 * 4 + (4 * 8 + 8) + (8 * 4 + 4)


def test_an_architecture_is_counted_once():
    num_built = []

    def build(architecture):
        num_built.append(architecture)
        return nn.Linear(3, architecture["width"])

    space = SearchSpace({"width": [1, 2]}, build)
    cost = Parameters(space)
    cost([space.largest()])
    cost([{"width": 2}, space.smallest()])
    assert num_built == [{"width": 2}, {"width": 1}]


def test_memory_of_a_chain_is_the_inputs_and_the_two_largest_neighbours():
    net = nn.Sequential(nn.Linear(5, 40), nn.ReLU(), nn.Linear(40, 7))
    # held by the caller: 6 x 5; at the activation: its inputs and its outputs
    assert peak_memory(net, torch.zeros(6, 5)) == FLOAT * 6 * (5 + 40 + 40)


def test_views_and_operations_in_place_need_no_memory():
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Unflatten(1, (2, 4))
    )
    assert peak_memory(net, torch.zeros(3, 2, 3)) == FLOAT * 3 * (6 + 8)


def test_a_residual_holds_its_inputs_until_they_are_added():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide, self.narrow = nn.Linear(4, 16, bias=False), nn.Linear(16, 4, bias=False)

        def forward(self, x):
            x = x * 2
            return x + self.narrow(torch.relu(self.wide(x)))

    # inputs, their double, and within the branch two of 16
    assert peak_memory(Residual(), torch.zeros(1, 4)) == FLOAT * (4 + 4 + 16 + 16)


def test_memory_follows_the_type_of_numbers():
    net = nn.Sequential(nn.Linear(5, 40), nn.ReLU())
    half = peak_memory(net.bfloat16(), torch.zeros(6, 5, dtype=torch.bfloat16))
    assert half == peak_memory(net.float(), torch.zeros(6, 5)) / 2


class Reads(nn.Module):
    """A network that asks what its inputs are, so that it cannot be followed by shapes alone."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 40), nn.ReLU())

    def forward(self, x):
        return self.layers(x) if float(x.sum()) < 1 else x


def test_a_module_that_reads_values_is_computed_in_earnest():
    plain = nn.Sequential(nn.Linear(5, 40), nn.ReLU())
    assert peak_memory(Reads(), torch.zeros(6, 5)) == peak_memory(plain, torch.zeros(6, 5))


def test_what_is_wrong_with_a_module_is_told():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        peak_memory(nn.Linear(5, 4), torch.zeros(2, 6))


@pytest.mark.parametrize("name", EXAMPLES)
def test_memory_by_shapes_is_that_of_computing(name, monkeypatch):
    space, inputs = EXAMPLES[name]()
    for architecture in (space.smallest(), space.largest()):
        module = space.build(architecture)
        by_shapes = peak_memory(module, inputs)
        with monkeypatch.context() as patch:
            patch.setattr("hypernas.cost.memory.FakeTensorMode", None)
            assert peak_memory(module, inputs) == by_shapes


@pytest.mark.parametrize("largest", [0, 10**9], ids=["by shapes", "in earnest"])
@pytest.mark.parametrize("name", READY)
def test_subnets_are_counted_as_modules_that_were_built(name, largest, monkeypatch):
    monkeypatch.setattr(sys.modules["hypernas.cost.flops"], "_LIGHT", largest)
    ready = READY[name]()
    count = subnet_flops(ready.space, ready.inputs)
    for architecture in ready.some(2):
        assert count(architecture) == flops(ready.space.build(architecture), ready.inputs)


class Awkward(nn.Module):
    """A network that draws random numbers, reads values, writes into its inputs and shares a part with all others."""

    calls = 0
    backbone = nn.BatchNorm1d(3)

    def __init__(self, width: int):
        super().__init__()
        self.shared, self.layer = Awkward.backbone, nn.Linear(3, width)

    def forward(self, x):
        Awkward.calls += 1
        x += torch.randn(x.shape, device=x.device)
        return self.layer(self.shared(x)) if float(x.sum()) < 1e9 else x


@pytest.mark.parametrize("largest", [0, 10**9], ids=["by shapes", "in earnest"])
def test_counting_subnets_changes_nothing_and_counts_each_once(largest, monkeypatch):
    monkeypatch.setattr(sys.modules["hypernas.cost.flops"], "_LIGHT", largest)
    space, inputs = SearchSpace({"width": [1, 2]}, lambda a: Awkward(a["width"])), torch.zeros(2, 3)
    before, count = torch.get_rng_state(), subnet_flops(space, inputs)
    assert [count(space.smallest()), count({"width": 2})] == [12, 24]
    assert_close(torch.get_rng_state(), before)
    assert_close(inputs, torch.zeros(2, 3))
    assert Awkward.backbone.training
    calls = Awkward.calls
    count(space.smallest())
    assert Awkward.calls == calls


def test_large_parameters_are_not_made_to_count(monkeypatch):
    module, computed = sys.modules["hypernas.cost.flops"], []
    monkeypatch.setattr(module, "_computed", lambda *given: computed.append(given) or 7)
    space = SearchSpace({"width": [4, 8]}, lambda a: nn.Linear(3, a["width"]))
    inputs = torch.zeros(1, 3)
    assert subnet_flops(space, inputs)(space.largest()) == 7
    monkeypatch.setattr(module, "_SMALL", FLOAT * 8 * 3)
    assert subnet_flops(space, inputs)(space.largest()) == 2 * 8 * 3
    assert len(computed) == 1


def test_what_is_wrong_with_a_subnet_is_told():
    space = SearchSpace({"width": [1, 2]}, lambda a: nn.Linear(3, a["width"]))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        subnet_flops(space, torch.zeros(1, 4))(space.smallest())
