import pytest
import torch

from hypernas.cost import flops, num_parameters
from hypernas.spaces import conv1d, conv2d

SHAPES = {conv1d: (1, 32), conv2d: (1, 16, 16)}


@pytest.mark.parametrize("make", SHAPES)
def test_a_stride_of_the_stem_leaves_parameters_and_saves_its_power_of_the_axes(make):
    shape = SHAPES[make]
    one, two = (make(input_shape=shape, num_classes=10, stem_stride=s) for s in (1, 2))
    inputs = torch.zeros(2, *shape)
    for architecture in (one.smallest(), one.largest()):
        slow, fast = one.build(architecture), two.build(architecture)
        assert fast(inputs).shape == (2, 10)
        assert num_parameters(fast) == num_parameters(slow)
        head = flops(slow.head, torch.zeros(2, slow.head.in_features))
        power = 2 ** (len(shape) - 1)
        assert flops(fast, inputs) - head == (flops(slow, inputs) - head) / power


@pytest.mark.parametrize("make", SHAPES)
def test_a_stride_below_one_is_refused(make):
    with pytest.raises(ValueError, match="stem_stride must be 1 or more, got 0"):
        make(input_shape=SHAPES[make], num_classes=10, stem_stride=0)
