"""One walk through a module finds what torch's own walks do."""

import pytest
from example_spaces import EXAMPLES
from torch import nn

from hypernas.subnet.anatomy import Anatomy
from hypernas.subnet.skeleton import build_skeleton


class Tied(nn.Module):
    """A module, a parameter and a buffer that stand twice, and places that are empty."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        self.two = nn.Linear(2, 2, bias=False)
        self.two.weight = self.one[0].weight
        self.again, self.nothing = self.one, None
        self.register_module("empty", None)
        self.register_buffer("mean", self.one[1].running_mean)
        self.register_buffer("absent", None)


def modules() -> list[nn.Module]:
    spaces = [EXAMPLES[name]().space for name in EXAMPLES]
    return [Tied(), *(build_skeleton(space, space.largest()) for space in spaces)]


@pytest.mark.parametrize("module", modules(), ids=lambda module: type(module).__name__)
def test_parts_and_tensors_are_those_that_torch_names(module):
    found = Anatomy(module)
    assert found.parts == list(module.named_modules())
    for own, expected in (
        (found.parameters, module.named_parameters()),
        (found.buffers, module.named_buffers()),
    ):
        assert [(name, id(t)) for name, t in own.items()] == [(n, id(t)) for n, t in expected]
    for name in (*found.parameters, *found.buffers):
        assert found.holders[name] is module.get_submodule(name.rpartition(".")[0])


def test_every_name_of_a_shared_tensor_has_its_holder():
    module = Tied()
    found = Anatomy(module)
    assert "two.weight" not in found.parameters
    assert found.holders["two.weight"] is module.two
    assert found.holders["mean"] is module
    assert found.holders["one.1.running_mean"] is module.one[1]
