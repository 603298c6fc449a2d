"""A small task, and short training on it."""

from functools import partial

import torch

from hypernas import generators
from hypernas.data import Data, split_tensors
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Sandwich
from hypernas.spaces import mlp
from hypernas.training import Training
from hypernas.training.callbacks import Monitor

FACTORIES = [
    generators.shared,
    generators.mos_layer,
    generators.mos_neuron,
    generators.hypernas,
    generators.Standalone,
]
ADAMW = partial(torch.optim.AdamW, lr=0.01, weight_decay=0.01)


def blobs() -> Data:
    """Three well separated clusters in the plane."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 3
    centres = torch.tensor([[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]])
    inputs = centres[labels] + 0.3 * torch.randn(240, 2, generator=rng)
    parts = split_tensors(inputs, labels, (160, 40, 40), seed=0)
    return Data("blobs", *parts, input_shape=(2,), num_classes=3)


def space(norm: str = "batch"):
    return mlp(input_shape=(2,), num_classes=3, depths=(1, 2), widths=(8, 16), norm=norm)


def fit(generator, training=None, **changes):
    settings = {
        "sampler": Sandwich(num_random=1),
        "objective": CrossEntropy(),
        "optimizer": ADAMW,
        "device": "cpu",
        **changes,
    }
    training = training or Training(steps=30, batch_size=32, validate_every=30)
    return training.run(generator, blobs(), **settings)


class Recorder(Monitor):
    def __init__(self):
        self.steps, self.validations, self.ended = {}, {}, 0

    def begin(self, *, step, steps):
        self.began = step, steps

    def step(self, step, values):
        self.steps[step] = dict(values)

    def validation(self, step, subnets, generator):
        self.validations[step] = subnets

    def end(self, final):
        self.ended += 1
        self.final = final
