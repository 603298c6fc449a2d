import pickle

import pytest
import torch

from hypernas.spaces import conv1d, conv2d, mlp
from hypernas.subnet.norms import norm_statistics

CASES = [
    (make, shape, norm)
    for make, shape in ((mlp, (1, 8, 8)), (conv1d, (2, 20)), (conv2d, (3, 8, 8)))
    for norm in ("batch", "group", "layer", "none")
]


@pytest.mark.parametrize(("make", "shape", "norm"), CASES)
def test_every_subnet_maps_inputs_to_logits(make, shape, norm):
    space = make(input_shape=shape, num_classes=7, norm=norm)
    rng = torch.Generator().manual_seed(0)
    for architecture in [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(3))]:
        assert space.build(architecture)(torch.randn(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize(("make", "shape", "norm"), CASES)
def test_only_batch_norm_keeps_statistics(make, shape, norm):
    space = make(input_shape=shape, num_classes=7, norm=norm)
    assert bool(norm_statistics(space.build(space.smallest()))) == (norm == "batch")


@pytest.mark.parametrize(("make", "shape", "norm"), CASES)
def test_ready_made_spaces_pickle(make, shape, norm):
    space = make(input_shape=shape, num_classes=7, norm=norm)
    again = pickle.loads(pickle.dumps(space))
    assert again.to_json() == space.to_json()
    again.build(again.smallest())


@pytest.mark.parametrize("make", [conv1d, conv2d])
def test_blocks_beyond_the_depth_have_no_choices(make):
    shape = (1, 8) if make is conv1d else (1, 8, 8)
    space = make(input_shape=shape, num_classes=2, depths=(1, 3))
    assert "kernel_0_1" not in space.smallest()
    assert "kernel_0_2" in space.largest()


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (conv1d, {"input_shape": (1, 8, 8)}, "needs inputs of 2 axes"),
        (conv2d, {"input_shape": (8, 8)}, "needs inputs of 3 axes"),
        (conv2d, {"input_shape": (1, 8, 8), "kernels": (3, 4)}, "kernels must be odd"),
        (mlp, {"input_shape": (8,), "norm": "weight"}, "norm must be batch, group, layer or none"),
    ],
)
def test_impossible_spaces_are_refused(make, arguments, message):
    def first_module():
        space = make(num_classes=2, **arguments)
        return space.build(space.smallest())

    with pytest.raises(ValueError, match=message):
        first_module()
