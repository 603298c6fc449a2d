"""A training step never waits for the GPU."""

import pytest
import torch

from hypernas import generators
from hypernas.data import Batches, digits
from hypernas.objectives import CrossEntropy
from hypernas.spaces import conv2d
from hypernas.training import Training
from hypernas.training.optimizer import Groups


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ["shared", "hypernas", "mos_layer"])
def test_steps_of_new_architectures_do_not_synchronize_the_device(name):
    data = digits()
    space = conv2d(input_shape=data.input_shape, num_classes=data.num_classes)
    generator = getattr(generators, name)(space).cuda().train()
    groups = Groups(generator, lambda parameters: torch.optim.AdamW(parameters, fused=True))
    batches = Batches(data.train, batch_size=32, device="cuda").starting_at(0)
    training, objective, rng = Training(steps=1), CrossEntropy(), torch.Generator().manual_seed(0)

    def step() -> None:
        training.backward(
            generator, [space.sample(rng) for _ in range(2)], next(batches), objective
        )
        groups.step(1.0)

    step()  # loads libraries, moves the data, makes the moments
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(4):
            step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
