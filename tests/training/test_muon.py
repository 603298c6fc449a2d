"""Muon, whose steps depend on the shape of a whole matrix, takes no bank for one."""

from functools import partial

import pytest
import torch

from hypernas import generators
from hypernas.data import digits
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform
from hypernas.spaces import mlp
from hypernas.training import Strategy, Task, Training


@pytest.mark.parametrize("name", ["shared", "hypernas", "mos_neuron"])
def test_muon_refuses_banks_which_are_stacks_of_slices(name):
    space = mlp(input_shape=(1, 8, 8), num_classes=10, depths=[1], widths=[8, 16])
    strategy = Strategy(sampler=Uniform(), optimizer=partial(torch.optim.Muon, lr=0.01))
    with pytest.raises(
        ValueError, match=r"only supports 2D parameters .*torch.Size\(\[\d+, \d+, \d+\]\)"
    ):
        Training(steps=1).run(
            getattr(generators, name)(space), Task(digits(), CrossEntropy()), strategy
        )
