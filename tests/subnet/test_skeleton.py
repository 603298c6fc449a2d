"""Skeletons that are built without weights are those of modules that are built with them."""

import copy
import gc
import weakref

import pytest
import torch
from example_spaces import EXAMPLES
from ready_made import READY
from torch import nn
from torch.nn.utils.parametrizations import orthogonal
from torch.testing import assert_close

from hypernas import SearchSpace
from hypernas.generators import shared
from hypernas.subnet.skeleton import _NEED_WEIGHTS, build_seeded, build_skeleton
from hypernas.subnet.target import skeleton


def space_of(make) -> SearchSpace:
    choices = {"width": [2, 4]}
    return SearchSpace(choices, lambda a: make(a["width"]), layouts={"*": "..."})


def assert_alike(found: nn.Module, expected: nn.Module) -> None:
    """The same modules, shapes, ties, and values of buffers; no storage of parameters."""
    assert [name for name, _ in found.named_modules()] == [n for n, _ in expected.named_modules()]
    shapes, others = (
        {n: (p.shape, p.dtype, p.requires_grad) for n, p in m.named_parameters()}
        for m in (found, expected)
    )
    assert shapes == others
    assert all(p.is_meta == p.requires_grad for p in found.parameters())
    assert_close(dict(found.named_buffers()), dict(expected.named_buffers()), rtol=0, atol=0)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_skeleton_is_that_of_the_module_built_with_weights(name):
    space = EXAMPLES[name]().space
    for architecture in (space.smallest(), space.largest()):
        expected = skeleton(build_seeded(space, architecture))
        assert_alike(build_skeleton(space, architecture), expected)


class Buffers(nn.Module):
    """Buffers computed in `__init__`, and a tied and a frozen parameter."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(width, width), nn.Linear(width, width)
        self.two.weight = self.one.weight
        self.two.bias.requires_grad_(False)
        self.register_buffer("positions", torch.arange(width) / width)
        self.copies = nn.ModuleList(copy.deepcopy(nn.LayerNorm(width)) for _ in range(2))


class Random(Buffers):
    """Drawn after the weights."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.register_buffer("drawn", torch.randn(width))
        self.order = torch.randperm(8).tolist()


class Reads(Buffers):
    """A value of a parameter decides what there is."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.third = nn.Linear(width, 3 if float(self.copies[0].weight[0].detach()) == 1 else 5)


class Derives(Buffers):
    """Tensors that are made of parameters: a buffer, and one that is no buffer."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.register_buffer("start", self.one.weight.detach().clone())
        self.norm = self.one.weight.detach().norm()


class DerivesList(Buffers):
    """The same, in a list."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.starts = [self.one.weight.detach().clone()]


class Loads(Buffers):
    """Weights of a checkpoint, of which a buffer is made."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.load_state_dict({"one.weight": torch.eye(width)}, strict=False)
        self.identity = bool((self.one.weight == torch.eye(width)).all())


class Infers(Buffers):
    """A layer's size is found by running those before it."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        with torch.no_grad():
            self.third = nn.Linear(self.one(torch.zeros(1, width)).shape[1], 3)


class Parametrized(Buffers):
    """A buffer that is made of a weight, where what fails on the way is swallowed."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.third = orthogonal(nn.Linear(width, 3))


@pytest.mark.parametrize(
    "make", [Buffers, Random, Reads, Derives, DerivesList, Loads, Infers, Parametrized]
)
def test_whatever_a_module_does_while_it_is_built_its_skeleton_is_right(make):
    space = space_of(make)
    found = build_skeleton(space, {"width": 4})
    expected = skeleton(build_seeded(space, {"width": 4}))
    assert_alike(found, expected)
    assert found.two.weight is found.one.weight
    for name in ("order", "norm", "starts", "identity"):
        assert_close(getattr(found, name, True), getattr(expected, name, True), rtol=0, atol=0)


def test_a_module_whose_weights_matter_to_nobody_is_never_filled(monkeypatch):
    filled = []
    monkeypatch.setattr(nn.Linear, "reset_parameters", lambda own: filled.append(own.weight))
    build_skeleton(space_of(lambda width: nn.Linear(width, width)), {"width": 4})
    assert [weight.is_meta for weight in filled] == [True]


def test_initialisers_of_all_kinds_leave_a_skeleton_as_if_they_had_never_been_called():
    def make(width: int) -> nn.Module:
        linear = nn.Linear(width, width)
        nn.init.trunc_normal_(nn.init.normal_(linear.weight))
        return linear

    weight = build_skeleton(space_of(make), {"width": 4}).weight
    assert (type(weight), weight.is_meta, vars(weight)) == (nn.Parameter, True, {})


@pytest.mark.parametrize("name", READY)
def test_a_ready_made_space_never_fills_weights_for_a_skeleton(name):
    space = READY[name]().space
    for architecture in (space.smallest(), space.largest()):
        expected = skeleton(build_seeded(space, architecture))
        assert_alike(build_skeleton(space, architecture), expected)
    assert space not in _NEED_WEIGHTS


def test_what_was_resolved_is_freed_as_soon_as_it_is_forgotten():
    space, inputs = EXAMPLES["conv"]()
    generator = shared(space).train()
    gc.collect()
    gc.disable()  # which would free what is in cycles, some time
    try:
        subnet = generator.subnet(space.largest())
        module = weakref.ref(subnet.target.module)
        generator.call(subnet, inputs).sum().backward()
        del subnet
        generator._subnets.size = 1
        generator.subnet(space.smallest())  # takes the place of the other
        assert module() is None
    finally:
        gc.enable()


def test_a_builder_that_fails_says_why():
    def fails(width: int) -> nn.Module:
        raise RuntimeError("no such width")

    with pytest.raises(RuntimeError, match="no such width"):
        build_skeleton(space_of(fails), {"width": 4})


def test_the_random_state_and_modules_built_later_are_left_alone():
    before = torch.get_rng_state()
    build_skeleton(space_of(Random), {"width": 4})
    assert torch.equal(torch.get_rng_state(), before)
    assert not nn.Linear(2, 2).weight.is_meta


@pytest.mark.parametrize("make", [Random, Reads, Derives])
def test_what_is_exported_computes_what_the_generator_does(make):
    class Net(make):
        def forward(self, x):
            return self.two(self.one(x)) * self.positions + getattr(self, "drawn", 0)

    generator = shared(space_of(Net)).eval()
    inputs = torch.randn(3, 2)
    small = {"width": 2}
    assert_close(generator.export(small)(inputs), generator.call(small, inputs))
