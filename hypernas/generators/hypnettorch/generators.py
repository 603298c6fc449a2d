"""Hypernetworks of hypnettorch as generators."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from hypernas.border import checked
from hypernas.generators.hidden_layers import hidden_units
from hypernas.generators.hypernetworks.full import FullHypernetwork, starting_deviations
from hypernas.generators.hypernetworks.input import NetworkInput
from hypernas.generators.hypnettorch.network import (
    HypnettorchNetwork,
    arguments_for,
    import_hnets,
    told,
)
from hypernas.generators.start.start import start_at
from hypernas.generators.start.trained import Start
from hypernas.space import SearchSpace
from hypernas.subnet.supernet import Supernet


def from_hypnettorch(
    hnet: Any,
    space: SearchSpace,
    *,
    encode: bool = True,
    independent: bool = True,
    normalize: bool = False,
    rescale: bool = True,
    network_lr_scale: float = 1.0,
    seed: int = 0,
    start: Start | None = None,
) -> FullHypernetwork:
    """W = θ_0 + s ⊙ hnet(E(a)), for a hypernetwork of hypnettorch (HMLP, ChunkedHMLP, StructuredHMLP).

        hnet = HMLP(**hypnettorch_arguments(space), layers=(50, 50))
        generator = from_hypnettorch(hnet, space)

    Training the generator trains the parameters of this very hypernetwork.

    Args:
        hnet: it is initialised as it is.
        encode, independent, normalize, network_lr_scale: see `mip_hypernetwork`.
        rescale: fix s such that weights start as `starting_deviations` says (see
            `HypnettorchNetwork`); False takes the outputs as they are, with a warning where they
            start far larger, as those of chunked networks after hypnettorch's own hyperfan start.
        seed: of θ_0.
        start: see `mip_hypernetwork`.

    Raises:
        ImportError: if hypnettorch, or what it needs, is not installed.
        TypeError, ValueError: see `HypnettorchNetwork`.
    """
    made = _generator(
        space, lambda _: hnet, encode, independent, normalize, rescale, network_lr_scale, seed
    )
    return start_at(made, start)


@checked
def hmlp(
    space: SearchSpace,
    *,
    hidden_dims: Sequence[int] = (100, 100),
    encode: bool = True,
    independent: bool = True,
    normalize: bool = False,
    network_lr_scale: float = 1.0,
    seed: int = 0,
    start: Start | None = None,
) -> FullHypernetwork:
    """hypnettorch's HMLP: ReLU layers, then one linear layer with a bias for every weight.

    Its layers are initialised anew, Kaiming-normal with biases of zero, so that it sees the
    architecture; hypnettorch's own draw is mostly biases.

    Args:
        hidden_dims: of the network.
        encode, independent, normalize, network_lr_scale: see `mip_hypernetwork`.
        seed: of the initialisation.
        start: see `mip_hypernetwork`.

    Raises:
        ImportError: if hypnettorch, or what it needs, is not installed.
    """
    layers = hidden_units(hidden_dims)

    def make(arguments: Mapping[str, Any]) -> Any:
        with told("hmlp"):
            return import_hnets().HMLP(**arguments, layers=layers)

    made = _generator(
        space, _seeded(make, seed), encode, independent, normalize, True, network_lr_scale, seed
    )
    return start_at(made, start)


@checked
def chunked_hmlp(
    space: SearchSpace,
    *,
    chunk_size: int = 512,
    embedding_dim: int = 8,
    hidden_dims: Sequence[int] = (100, 100),
    encode: bool = True,
    independent: bool = True,
    normalize: bool = False,
    network_lr_scale: float = 1.0,
    seed: int = 0,
    start: Start | None = None,
) -> FullHypernetwork:
    """hypnettorch's ChunkedHMLP: one HMLP writes the weights chunk by chunk.

    The chunk's embedding is part of its input. Without independent weights it may store far fewer
    numbers than it writes.

    Args:
        chunk_size: weights written at a time.
        embedding_dim: length of a chunk's embedding.
        hidden_dims: of the network.
        encode, independent, normalize, network_lr_scale: see `mip_hypernetwork`.
        seed: of the initialisation, which is that of `hmlp`; embeddings are standard normal.
        start: see `mip_hypernetwork`.

    Raises:
        ImportError: if hypnettorch, or what it needs, is not installed.
    """
    layers = hidden_units(hidden_dims)

    def make(arguments: Mapping[str, Any]) -> Any:
        with told("chunked_hmlp"):
            return import_hnets().ChunkedHMLP(
                **arguments,
                chunk_size=chunk_size,
                chunk_emb_size=embedding_dim,
                layers=layers,
            )

    made = _generator(
        space, _seeded(make, seed), encode, independent, normalize, True, network_lr_scale, seed
    )
    return start_at(made, start)


def _seeded(make: Callable[[Mapping[str, Any]], Any], seed: int) -> Callable[..., Any]:
    """`make`, with draws under `seed` and its layers initialised anew; torch's generators stay."""

    def seeded(arguments: Mapping[str, Any]) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reset GPUs' too
            hnet = make(arguments)
            for weight in hnet.layer_weight_tensors:
                nn.init.kaiming_normal_(weight, nonlinearity="relu")
            for bias in hnet.layer_bias_vectors:
                nn.init.zeros_(bias)
        return hnet

    return seeded


def _generator(
    space: SearchSpace,
    make: Callable[[Mapping[str, Any]], Any],
    encode: bool,
    independent: bool,
    normalize: bool,
    rescale: bool,
    network_lr_scale: float,
    seed: int,
) -> FullHypernetwork:
    supernet = Supernet(space)
    inputs = NetworkInput(space, encode=encode, normalize=normalize)
    starts = starting_deviations(supernet, inputs, independent=independent, seed=seed)
    network = HypnettorchNetwork(
        make(arguments_for(supernet, inputs)),
        supernet=supernet,
        inputs=inputs,
        deviations=starts,
        rescale=rescale,
    )
    return FullHypernetwork(
        supernet,
        inputs=inputs,
        network=network,
        independent=independent,
        network_lr_scale=network_lr_scale,
        seed=seed,
    )
