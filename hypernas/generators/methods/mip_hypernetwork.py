"""The full hypernetwork of the magnitude-invariant parametrization, and what it is an ablation of."""

import math
from collections.abc import Sequence

import torch

from hypernas.generators.hypernetworks.full import FullHypernetwork, starting_deviations
from hypernas.generators.hypernetworks.input import NetworkInput
from hypernas.generators.hypernetworks.network import DenseNetwork
from hypernas.generators.start.start import start_at
from hypernas.generators.start.trained import Start
from hypernas.space import SearchSpace
from hypernas.subnet.supernet import Supernet


def mip_hypernetwork(
    space: SearchSpace,
    *,
    hidden_dims: Sequence[int] = (16, 64, 128),
    encode: bool = True,
    independent: bool = True,
    normalize: bool = False,
    network_lr_scale: float = 1.0,
    condition_dim: int = 0,
    seed: int = 0,
    start: Start | None = None,
) -> FullHypernetwork:
    """W = θ_0 + h(E(a)): a dense network of the encoded architecture writes every weight.

    Ortiz et al., "Magnitude Invariant Parametrizations Improve Hypernetwork Learning", 2023, arXiv
    2304.07645. Its two parts can be taken apart: both are MIP, `encode=False` leaves only θ_0,
    `independent=False` only the encoding, and both False is a plain hypernetwork, whose weights are
    as large as its input. We deviate in θ_0, which starts as the builder initialises the target (the
    published code: Kaiming-normal, and zero for what is not called a weight); in what the network
    adds to vectors, zero at the start for all of them; and in the start without θ_0 (see
    `starting_deviations`).

    It stores as many numbers for each weight as the last hidden layer has units, and one more.

    Args:
        hidden_dims: of the network.
        encode: the cos/sin map of the features.
        independent: train θ_0 (see `FullHypernetwork`).
        normalize: divide the input by √D, so that what the network adds does not grow with the number
            D of features; not part of the paper, whose inputs are few.
        network_lr_scale: see `FullHypernetwork`.
        condition_dim: numbers the network reads beside the architecture (see `Generator`); with `encode` best in [0, 1].
        seed: of the initialisation.
        start: a trained module that the largest subnet starts as (see `start_at`).
    """
    supernet = Supernet(space)
    inputs = NetworkInput(space, encode=encode, normalize=normalize, condition_dim=condition_dim)
    starts = starting_deviations(supernet, inputs, independent=independent, seed=seed)
    network = DenseNetwork(
        input_dim=inputs.dim,
        hidden_dims=hidden_dims,
        sizes={name: math.prod(shape) for name, shape in supernet.shapes.items()},
        deviations={name: start / inputs.size for name, start in starts.items()},
        rng=torch.Generator().manual_seed(seed),
    )
    generator = FullHypernetwork(
        supernet,
        inputs=inputs,
        network=network,
        independent=independent,
        network_lr_scale=network_lr_scale,
        seed=seed,
    )
    return start_at(generator, start)
