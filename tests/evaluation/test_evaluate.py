import csv

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.cost import counting, flops, num_parameters
from hypernas.data import digits
from hypernas.evaluation import evaluate, mean, write_csv
from hypernas.objectives import CrossEntropy, assess
from hypernas.sampling import sample_subnets
from hypernas.spaces import conv2d, mlp
from hypernas.subnet.target import skeleton


def test_flops_of_a_generated_subnet_are_those_of_its_closed_form():
    module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 16, 10))
    expected = 2 * (8 * 3 * 9 * 16 + 8 * 16 * 10)
    assert flops(module, torch.zeros(1, 3, 4, 4)) == expected


class Row(nn.Module):
    """A recurrent net, or a transformer layer, of rows of 6 channels."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        outputs = self.layer(x)
        return outputs[0] if isinstance(outputs, tuple) else outputs


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.LSTM(6, 8, batch_first=True), 2 * 4 * 8 * (6 + 8)),
        (nn.GRU(6, 8, batch_first=True), 2 * 3 * 8 * (6 + 8)),
        (
            nn.TransformerEncoderLayer(6, 2, 16, batch_first=True),
            2 * (4 * 6 * 6 + 2 * 6 * 16 + 2 * 6 * 5),  # projections, feed-forward, 5 positions
        ),
    ],
    ids=["lstm", "gru", "transformer"],
)
def test_fused_kernels_are_counted_on_every_device_whether_there_are_gradients_or_not(
    layer, expected
):
    inputs = torch.randn(4, 5, 6)
    assert flops(Row(layer), inputs) == 4 * 5 * expected
    for gradients in (True, False):
        with torch.set_grad_enabled(gradients), counting() as counter:
            Row(layer).eval()(inputs)
        assert counter.get_total_flops() == 4 * 5 * expected
    with torch.no_grad(), counting() as counter:
        outputs = Row(layer)(inputs)
    with counting() as both:
        Row(layer.train())(inputs).sum().backward()
    assert both.get_total_flops() > 2 * counter.get_total_flops()
    assert outputs.shape[:2] == (4, 5)


class Masked(nn.Module):
    """Keeps a tensor that is no buffer, and reads a value."""

    def __init__(self):
        super().__init__()
        self.linear, self.mask = nn.Linear(4, 3), torch.ones(3)

    def forward(self, x):
        x = self.linear(x) * self.mask
        return -x if float(x.sum()) > 0 else x


@pytest.mark.parametrize("make", [lambda module: module, skeleton])
def test_flops_of_what_cannot_run_without_values_are_counted_with_them(make):
    assert flops(make(Masked()), torch.zeros(2, 4)) == 2 * 2 * 4 * 3


def test_flops_of_a_module_that_fails_say_why():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        flops(nn.Linear(4, 3), torch.zeros(2, 5))


def test_flops_do_not_touch_the_module():
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    before = {name: t.clone() for name, t in module.state_dict().items()}
    flops(module, torch.zeros(1, 4))
    assert module.training
    assert_close(module.state_dict(), before)


def test_the_sample_of_subnets_is_distinct_and_a_function_of_its_seed():
    space = conv2d(input_shape=(1, 8, 8), num_classes=10)
    first, again, other = (sample_subnets(space, 20, seed=s) for s in (0, 0, 1))
    assert first == again != other
    assert len(set(first.values())) == 22


def test_a_small_space_is_sampled_whole():
    space = mlp(input_shape=(4,), num_classes=2, depths=(1, 2), widths=(4, 8))
    assert set(sample_subnets(space, 20, seed=0).values()) == set(space.enumerate())


def test_calibrated_measures_are_those_of_an_exported_calibrated_module():
    data = digits()
    generator = generators.hypernas(conv2d(input_shape=(1, 8, 8), num_classes=10))
    subnets = sample_subnets(generator.space, 1, seed=0)
    rows = list(
        evaluate(
            generator,
            data,
            subnets,
            objective=CrossEntropy(),
            calibration_batches=1,
            batch_size=1000,
        )
    )
    inputs = data.train.tensors[0]
    for row in rows:
        statistics = generator.calibrate(row.architecture, [inputs])
        module = generator.export(row.architecture, statistics=statistics)
        expected = assess(module, [data.test.tensors], CrossEntropy())
        assert_close(row.calibrated, expected, rtol=1e-4, atol=1e-5)
        assert row.inherited != row.calibrated
        assert row.num_parameters == num_parameters(module)


def test_without_batch_norm_calibration_changes_nothing():
    generator = generators.shared(mlp(input_shape=(1, 8, 8), num_classes=10, norm="layer"))
    subnets = {"smallest": generator.space.smallest()}
    (row,) = evaluate(generator, digits(), subnets, objective=CrossEntropy())
    assert row.inherited == row.calibrated
    assert mean([row], "accuracy") == row.calibrated["accuracy"]


def test_a_table_reads_back_as_it_was_written(tmp_path):
    generator = generators.shared(mlp(input_shape=(1, 8, 8), num_classes=10))
    subnets = sample_subnets(generator.space, 2, seed=0)
    rows = [e.row() for e in evaluate(generator, digits(), subnets, objective=CrossEntropy())]
    write_csv(tmp_path / "table.csv", rows)
    with (tmp_path / "table.csv").open() as file:
        read = list(csv.DictReader(file))
    assert [{k: str(v) for k, v in row.items()} for row in rows] == read
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_space_of_one_architecture_can_be_evaluated():
    space = SearchSpace({"width": [4]}, lambda a: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))
    assert set(sample_subnets(space, 5, seed=0)) == {"smallest", "largest"}
