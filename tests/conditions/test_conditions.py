"""What a condition is of a batch, and what is left of the batch."""

import pytest
import torch
from example_spaces import EXAMPLES
from torch.testing import assert_close

from hypernas import generators
from hypernas.conditions import BatchStatistics, InputColumn


def test_batch_statistics_are_means_and_deviations_by_channel():
    inputs = torch.randn(6, 3, 5, 4, generator=torch.Generator().manual_seed(1)) * 2 + 1
    found = BatchStatistics()(inputs)
    expected = torch.var_mean(inputs, (0, 2, 3), correction=0)
    assert_close(found, torch.cat([expected[1], expected[0].sqrt()]))
    assert BatchStatistics().rest(inputs) is inputs


def test_batch_statistics_of_symbols_are_refused():
    with pytest.raises(ValueError, match=r"got \(4, 7\) of torch.int64: give a condition"):
        BatchStatistics()(torch.zeros(4, 7, dtype=torch.long))


@pytest.mark.parametrize("position", [-1, 1, 0])
def test_an_input_column_is_averaged_and_kept_from_the_target(position):
    columns = [torch.rand(4, 2), torch.rand(4, 2)]
    condition = InputColumn(position=position)
    at = position % 2
    assert_close(condition(tuple(columns)), columns[at].mean(0))
    (rest,) = condition.rest(tuple(columns))
    assert rest is columns[1 - at]


@pytest.mark.parametrize("inputs", [torch.rand(4, 2), (torch.rand(4, 2),)])
def test_a_batch_without_a_second_input_is_refused(inputs):
    with pytest.raises(ValueError, match=r"has 1 inputs: let the data give"):
        InputColumn()(inputs)


def test_a_column_that_is_no_vector_is_refused():
    with pytest.raises(ValueError, match=r"shape \(N, C\), got \(4, 2, 2\)"):
        InputColumn()((torch.rand(4, 2), torch.rand(4, 2, 2)))


def test_a_resolved_subnet_takes_another_condition():
    space = EXAMPLES["mlp"]().space
    generator = generators.mos_layer(space, condition_dim=3)
    other = generators.mos_layer(space, condition_dim=3)
    one, two = torch.eye(3)[:2]
    for home in (generator, other):
        resolved = home.subnet(space.largest(), one)
        assert_close(generator.subnet(resolved).condition, one)
        assert_close(generator.subnet(resolved, two).condition, two)
    plain = generators.shared(space)
    with pytest.raises(ValueError, match="reads no numbers beside the architecture"):
        plain.subnet(plain.subnet(space.largest()), one)
