"""A small task, and short training on it."""

import json
from functools import partial

import torch

from hypernas import generators
from hypernas.data import Data, split_tensors
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Sandwich
from hypernas.spaces import mlp
from hypernas.training import (
    Begun,
    Callback,
    Ended,
    Stepped,
    Strategy,
    Task,
    Training,
    Validated,
)
from hypernas.training.callbacks import Validation
from hypernas.training.checkpoint import Checkpoint

FACTORIES = [
    generators.shared,
    generators.mos_layer,
    generators.mos_neuron,
    generators.hypernas,
    generators.Standalone,
]
ADAMW = partial(torch.optim.AdamW, lr=0.01, weight_decay=0.01)
NAMES = {"sampler", "optimizer", "schedule", "seed", "memory"}  # of a strategy


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


def short(steps=30, **options):
    return Training(**{"steps": steps, "batch_size": 32, **options})


def fit(
    generator,
    training=None,
    *,
    data=None,
    objective=None,
    condition=None,
    callbacks=None,
    **options,
):
    """Train on blobs with a sandwich of three; options of a strategy and of `Training.run`."""
    strategy = {
        "sampler": Sandwich(num_random=1),
        "optimizer": ADAMW,
        **{name: options.pop(name) for name in NAMES & options.keys()},
    }
    return (training or short()).run(
        generator,
        Task(data or blobs(), objective or CrossEntropy(), condition),
        Strategy(**strategy),
        callbacks=[Validation(every=30)] if callbacks is None else callbacks,
        **{"device": "cpu", **options},
    )


class Recorder(Callback):
    def __init__(self):
        self.steps, self.validations, self.ended, self.losses = {}, {}, 0, {}

    def __call__(self, run, event):
        match event:
            case Begun():
                self.began = event.step, event.steps
            case Stepped(step=step, figures=figures):
                self.losses[step] = event.architectures, event.losses
                if figures is not None:
                    self.steps[step] = dict(figures)
            case Validated(step=step, subnets=subnets):
                self.validations[step] = subnets
            case Ended(figures=figures):
                self.ended += 1
                self.final = figures


def say_format(saved: Checkpoint, number: int) -> None:
    """Make a checkpoint what an earlier version wrote, which had no manifest."""
    path = saved.folder / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": number}))
    (saved.folder / "manifest.json").unlink(missing_ok=True)
