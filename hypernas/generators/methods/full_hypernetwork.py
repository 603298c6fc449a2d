"""The full hypernetwork that writes piece by piece, by a network of one's choice."""

from functools import partial
from typing import Literal

import torch

from hypernas.border import checked
from hypernas.generators.hypernetworks.body import BodyMaker
from hypernas.generators.hypernetworks.full import FullHypernetwork, starting_deviations
from hypernas.generators.hypernetworks.input import NetworkInput
from hypernas.generators.hypernetworks.perceptron import Perceptron
from hypernas.generators.hypernetworks.pieces import PieceNetwork
from hypernas.generators.hypernetworks.writer import Chunks, Components, Heads
from hypernas.generators.start.start import start_at
from hypernas.generators.start.trained import Start
from hypernas.space import SearchSpace
from hypernas.subnet.supernet import Supernet

Pieces = Literal["heads", "components", "chunks"]


@checked
def full_hypernetwork(
    space: SearchSpace,
    *,
    pieces: Pieces = "components",
    network: BodyMaker = Perceptron,
    embedding_dim: int = 8,
    chunk_size: int = 512,
    encode: bool = True,
    independent: bool = True,
    normalize: bool = False,
    network_lr_scale: float = 1.0,
    condition_dim: int = 0,
    seed: int = 0,
    start: Start | None = None,
) -> FullHypernetwork:
    """W = θ_0 + h(E(a), e_1, e_2, ...): a network reads an embedding of each piece, and writes weights piece by piece.

    The kinds of Chauhan et al., 2023, arXiv 2306.06955, over any space; `mip_hypernetwork` writes all at once. Tensors start
    with the deviations of `starting_deviations`, or 0.01 in the place of 0, whatever the network.

    Args:
        pieces: heads (a linear layer for each tensor), components (rows of tensors, by one layer for all) or chunks of
            all weights, one after the other (by one layer too).
        network: `Perceptron`, `Convolution`, `Recurrence` or `Attention` of `hypernas.generators.hypernetworks`, or a `Body`
            of your own; settings by `functools.partial`.
        embedding_dim: numbers of a piece's embedding.
        chunk_size: weights of a chunk.
        encode, independent, normalize, network_lr_scale, condition_dim: see `mip_hypernetwork`.
        seed: of the initialisation.
        start: a trained module that the largest subnet starts as (see `start_at`).

    Raises:
        ValueError: for unknown pieces, or sizes below 1.
    """
    writers = {"heads": Heads, "components": Components, "chunks": partial(Chunks, size=chunk_size)}
    if pieces not in writers:
        raise ValueError(
            f"pieces must be one of {list(writers)}, got {pieces!r}; all at once is mip_hypernetwork."
        )
    supernet = Supernet(space)
    inputs = NetworkInput(space, encode=encode, normalize=normalize, condition_dim=condition_dim)
    own = PieceNetwork(
        supernet,
        inputs=inputs,
        body=network,
        writer=writers[pieces],
        embedding_dim=embedding_dim,
        deviations=starting_deviations(supernet, inputs, independent=independent, seed=seed),
        rng=torch.Generator().manual_seed(seed),
    )
    generator = FullHypernetwork(
        supernet,
        inputs=inputs,
        network=own,
        independent=independent,
        network_lr_scale=network_lr_scale,
        seed=seed,
    )
    return start_at(generator, start)
