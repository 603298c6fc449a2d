import csv

import torch
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.cost import flops, num_parameters
from hypernas.data import digits
from hypernas.evaluation import evaluate, mean, write_csv
from hypernas.objectives import CrossEntropy, assess
from hypernas.sampling import sample_subnets
from hypernas.spaces import conv2d, mlp


def test_flops_of_a_generated_subnet_are_those_of_its_closed_form():
    module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 16, 10))
    expected = 2 * (8 * 3 * 9 * 16 + 8 * 16 * 10)
    assert flops(module, torch.zeros(1, 3, 4, 4)) == expected


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
