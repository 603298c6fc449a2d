"""Judging subnets on the validation split."""

import dataclasses
from functools import partial

import pytest
import structured_models
import torch
from judges import judge, task
from torch.utils.data import Dataset, TensorDataset
from training_runs import blobs, space

from hypernas import generators
from hypernas.conditions import InputColumn
from hypernas.evaluation import evaluate
from hypernas.objectives import CrossEntropy, OwnLoss
from hypernas.search.hurdle import Hurdle
from hypernas.search.judge import Judge
from hypernas.search.quality import Quality, Verdicts
from hypernas.search.workers import Workers
from hypernas.training import Task


def conditioned() -> tuple[generators.Generator, Task]:
    data = blobs()
    parts = {
        name: TensorDataset(inputs, inputs[:, :1].round(), targets)
        for name in ("train", "validation", "test")
        for inputs, targets in [getattr(data, name).tensors]
    }
    generator = generators.hypernas(space(), condition_dim=1)
    return generator, Task(dataclasses.replace(data, **parts), CrossEntropy(), InputColumn())


def structured() -> tuple[generators.Generator, Task]:
    return generators.shared(structured_models.space()), Task(structured_models.tags(), OwnLoss())


def plain() -> tuple[generators.Generator, Task]:
    return generators.hypernas(space()), task()


def without_norms() -> tuple[generators.Generator, Task]:
    return generators.shared(space(norm="layer")), task()


@pytest.mark.parametrize("make", [plain, without_norms, conditioned, structured])
def test_a_judge_measures_what_evaluate_does_after_calibration(make):
    generator, work = make()
    subnets = {"small": generator.space.smallest(), "large": generator.space.largest()}
    options = {"calibration_batches": 2, "batch_size": 16}
    expected = evaluate(
        generator,
        work.data,
        subnets,
        objective=work.objective,
        condition=work.condition,
        split="validation",
        **options,
    )
    found = Judge([generator], work, **options)(list(subnets.values()))
    for one, other in zip(expected, found, strict=True):
        means = {name: measure.mean for name, measure in other.items()}
        assert means == pytest.approx(one.calibrated, abs=1e-6)


class Read(Dataset):
    """A data set that counts how often it is read, or refuses to be."""

    def __init__(self, dataset, limit):
        self.dataset, self.limit, self.count = dataset, limit, 0

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        self.count += 1
        assert self.count <= self.limit
        return self.dataset[index]


def test_validation_is_read_once_and_test_never():
    data = blobs()
    validation, test = Read(data.validation, 40), Read(data.test, 0)
    work = Task(dataclasses.replace(data, validation=validation, test=test), CrossEntropy())
    own = Judge([generators.shared(space())], work)
    own(list(space().enumerate())[:3])
    assert validation.count == 40


def test_several_generators_are_judged_by_their_mean():
    spaces = space()
    both = [generators.shared(spaces, seed=seed) for seed in (0, 1)]
    own = [Judge([g], task())([spaces.largest()])[0]["cross_entropy"].mean for g in both]
    (found,) = Judge(both, task())([spaces.largest()])
    assert found["cross_entropy"].mean == pytest.approx(sum(own) / 2)


def test_checkpoints_that_are_alike_are_no_more_sure_than_one():
    one, largest = generators.shared(space()), space().largest()
    (alone,) = Judge([one], task())([largest])
    (four,) = Judge([one] * 4, task())([largest])
    for name, measure in alone.items():
        assert four[name].mean == pytest.approx(measure.mean)
        assert four[name].error == pytest.approx(measure.error)


def test_data_without_a_validation_split_are_refused():
    data = blobs()
    none = TensorDataset(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long))
    for validation in (none, None):
        work = Task(dataclasses.replace(data, validation=validation), CrossEntropy())
        with pytest.raises(ValueError, match="no validation split"):
            Judge([generators.shared(space())], work)


def test_each_subnet_is_judged_once_for_all_qualities():
    asked = []
    own = judge()

    def noting(architectures, hurdles=None):
        asked.extend(architectures)
        return own(architectures, hurdles)

    verdicts = Verdicts(noting)
    accuracy, loss = Quality("accuracy", verdicts), Quality("cross_entropy", verdicts)
    some = [space().smallest(), space().largest(), space().smallest()]
    values, losses = accuracy(some), loss(some)
    assert asked == some[:2]
    assert values[0] == values[2]
    low, high = loss.intervals(some)[1]
    assert low < losses[1] < high


def test_processes_give_the_verdicts_of_one():
    some, own = list(space().enumerate())[:5], judge(halving=0.5)
    out_of_reach = Hurdle((("accuracy", True),), (), {}, ((-2.0,),))
    hurdles = [None, out_of_reach, None, None, out_of_reach]
    with Workers(partial(judge, halving=0.5), num=2) as workers:
        assert workers(some) == own(some)
        found = workers(some, hurdles)
    assert found == own(some, hurdles)
    assert [verdict.examples for verdict in found] == [None, 20, None, None, 20]


def test_an_interval_is_that_of_a_mean_of_independent_predictions():
    verdict = judge()([space().largest()])[0]["accuracy"]
    share, num = verdict.mean, verdict.num
    assert verdict.error == pytest.approx((share * (1 - share) / (num - 1)) ** 0.5)
