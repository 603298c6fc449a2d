"""The arms: what writes the weights of the encoder's subnets, and how it is trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import encoder
import torch
from torch import Tensor

from hypernas import SearchSpace, generators
from hypernas.data import Data
from hypernas.generators import Generator
from hypernas.objectives import Cosine
from hypernas.sampling import Fixed, Sampler, Sandwich
from hypernas.training import Strategy, Task, Training

BATCH_SIZE = 32
ENCODER = ["encoder.*"]  # all but the embeddings of words, which are half of the weights
FEED_FORWARD = ["*.intermediate.dense", "*.layer.output.dense"]
State = Mapping[str, Tensor]


def size(layers: int, **of_each: int) -> dict[str, int]:
    """An architecture of layers that are alike."""
    choices = {f"{name}_{i}": value for name, value in of_each.items() for i in range(layers)}
    return {"layers": layers, **choices}


_HALF, _MOST = encoder.FFN[1:3]
SIZES = {
    "small": size(3, heads=encoder.HEADS[1], ffn=_HALF),
    "medium": size(4, heads=encoder.HEADS[1], ffn=_MOST),
    "large": size(5, heads=encoder.HEADS[2], ffn=_MOST),
}
BOTTLENECK_SIZES = {  # of about as many weights
    "small": size(3, width=encoder.WIDTHS[1], ffn=_HALF),
    "medium": size(4, width=encoder.WIDTHS[1], ffn=_MOST),
    "large": size(5, width=encoder.WIDTHS[2], ffn=_HALF),
}


@dataclass(frozen=True)
class Arm:
    """One way to make the three sizes.

    Attributes:
        make: (start, seed) -> generator; the start is of the plain encoder.
        lr: learning rate; 0 trains nothing.
        sizes: name -> architecture.
        sampler: of the architectures of a step.
    """

    make: Callable[[State, int], Generator]
    lr: float
    sizes: Mapping[str, Mapping[str, Any]]
    sampler: Sampler
    space: Callable[[], SearchSpace] = encoder.space

    def train(self, start: State, data: Data, *, seed: int, steps: int) -> Generator:
        """A generator, trained to give sentences the embeddings of the trained encoder."""
        generator = self.make(start, seed)
        if self.lr:
            optimizer = partial(torch.optim.AdamW, lr=self.lr, weight_decay=0.01, fused=True)
            strategy = Strategy(sampler=self.sampler, optimizer=optimizer, seed=seed)
            training = Training(steps=steps, batch_size=BATCH_SIZE)
            training.run(generator, Task(data, Cosine()), strategy)
        return generator.eval()


def shared(start: State, seed: int) -> Generator:
    return generators.shared(encoder.space(), start=start, seed=seed)


def hypernas(start: State, seed: int) -> Generator:
    return generators.hypernas(
        encoder.space(), start=start, seed=seed, experts=ENCODER, gains=ENCODER, offsets=ENCODER
    )


def mos_bert(start: State, seed: int) -> Generator:
    """Mixture-of-Supernets' form for BERT (Jawahar et al., 2023, arXiv 2306.04845).

    Layers between bottlenecks that start as identities, two experts of the feed-forward layers that
    start as copies, a router for each module with gates for every neuron, without dropout.
    """
    return generators.mos_neuron(
        encoder.bottleneck_space(),
        start=encoder.between_identities(start),
        seed=seed,
        experts=FEED_FORWARD,
        num_experts=2,
        spread=0,
        dropout=0,
    )


LR = 1e-3  # chosen on validation with a seed that is not reported: see README.md
SANDWICH = Sandwich(num_random=1)
THREE = Fixed(architectures=list(SIZES.values()))
ARMS = {
    "cut": Arm(shared, 0.0, SIZES, SANDWICH),
    "shared": Arm(shared, LR, SIZES, SANDWICH),
    "hypernas": Arm(hypernas, LR, SIZES, SANDWICH),
    "mos_bert": Arm(mos_bert, LR, BOTTLENECK_SIZES, SANDWICH, encoder.bottleneck_space),
    "shared_three": Arm(shared, LR, SIZES, THREE),
    "hypernas_three": Arm(hypernas, LR, SIZES, THREE),
    **{
        f"{name}_alone": Arm(shared, LR, {name: of}, Fixed(architectures=[of]))
        for name, of in SIZES.items()
    },
}
