"""Random draws of data sets and modules, beside torch's."""

import random
import shutil
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from torch.utils.data import Dataset
from training_runs import blobs, fit, short

from hypernas import SearchSpace, generators
from hypernas.data import Batches, draws
from hypernas.schedules import Constant
from hypernas.training.callbacks import Checkpoints, Validation

# ruff: noqa: NPY002 - the global generator is what this is about


def drawn() -> float:
    return random.gauss(0, 1) + np.random.standard_normal() + random.randrange(3)


class Noisy(Dataset):
    """Examples with noise from NumPy and Python; those of `blobs`."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        inputs, target = self.dataset[index]
        return inputs + 0.1 * drawn(), target


class AllNoisy(Noisy):
    """Noise from torch too."""

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        inputs, target = super().__getitem__(index)
        return inputs + torch.rand(()), target


class Shaken(nn.Module):
    """A module that draws from NumPy and Python in its forward pass."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) * (1 + 0.1 * drawn() if self.training else 1)


def noisy(examples=Noisy):
    data = blobs()
    return replace(data, train=examples(data.train), validation=examples(data.validation))


def space() -> SearchSpace:
    return SearchSpace({"width": [4, 8]}, lambda a: Shaken(a["width"]))


def states() -> dict[str, Tensor]:
    return draws.states(torch.device("cpu"))


@pytest.mark.parametrize("seed", [0, 3])
def test_a_seed_determines_all_draws_and_a_resumed_run_takes_the_same(seed, tmp_path):
    data, options = noisy(), {"schedule": Constant(), "seed": seed}
    whole, again, resumed = (generators.shared(space()) for _ in range(3))
    fit(whole, short(6), data=data, callbacks=[Checkpoints(tmp_path, every=3)], **options)
    random.random()
    np.random.rand()
    fit(again, short(6), data=data, callbacks=[], **options)
    assert_close(again.state_dict(), whole.state_dict(), rtol=0, atol=0)
    shutil.rmtree(tmp_path / "00000006")
    fit(resumed, short(6), data=data, callbacks=[], resume=tmp_path, **options)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


def test_validation_does_not_change_what_is_drawn_in_training():
    found = []
    for callbacks in ([], [Validation(every=1)]):
        generator = generators.shared(space())
        fit(generator, short(4), data=noisy(), callbacks=callbacks)
        found.append(generator.state_dict())
    assert_close(found[0], found[1], rtol=0, atol=0)


@pytest.mark.parametrize(("examples", "num_workers"), [(Noisy, 0), (AllNoisy, 1), (AllNoisy, 2)])
def test_draws_depend_on_the_number_of_a_batch_alone(examples, num_workers):
    data = examples(blobs().train)
    batches = Batches(data, batch_size=32, seed=1, num_workers=num_workers)
    here = [inputs for inputs, _ in islice(batches.starting_at(0), 4)]
    there = [inputs for inputs, _ in islice(batches.starting_at(2), 2)]
    assert_close(there, here[2:], rtol=0, atol=0)


def test_reading_leaves_the_global_generators_as_they_were():
    before = states()
    for split in ("train", "validation"):
        list(noisy().in_order(split, batch_size=16))
    next(noisy().batches(batch_size=8).starting_at(0))
    assert_close(states(), before, rtol=0, atol=0)


@pytest.mark.parametrize("spare", [False, True])  # a normal draw, which both make in pairs
def test_states_are_put_back(spare):
    draws.seed_all(5)
    if spare:
        drawn()
    saved = states()
    expected = [drawn() for _ in range(3)], torch.rand(3)
    draws.restore(saved, torch.device("cpu"))
    assert ([drawn() for _ in range(3)]) == expected[0]
    assert_close(torch.rand(3), expected[1], rtol=0, atol=0)
    draws.restore({"cpu": saved["cpu"]}, torch.device("cpu"))
