"""Other packages' hypernetworks on the same targets, at their defaults; those that are installed.

pip install 'hypernas[peers]'            hypnettorch, hyperlight
pip install --no-deps hyper-nn           it asks for jax and flax, which its torch part does not use
"""

import contextlib
import io
import warnings
from collections.abc import Callable
from functools import partial

import torch
from clock import Ready
from steps import functional_step
from torch import Tensor, nn

from hypernas.subnet.target import Target, skeleton

Maker = Callable[[nn.Module, Tensor], Ready]


def hmlp(module: nn.Module, inputs: Tensor, *, fused: bool = True) -> Ready:
    """hypnettorch: layers of 100 and 100, one 8-dimensional condition."""
    return _hypnettorch("HMLP", module, inputs, fused=fused)


def chunked_hmlp(module: nn.Module, inputs: Tensor) -> Ready:
    """hypnettorch: 4,096 weights at a time."""
    return _hypnettorch("ChunkedHMLP", module, inputs, chunk_size=4096)


def _hypnettorch(
    kind: str, module: nn.Module, inputs: Tensor, *, fused: bool = True, **settings: int
) -> Ready:
    from hypnettorch import hnets

    shapes = [list(p.shape) for p in module.parameters()]
    with contextlib.redirect_stdout(io.StringIO()):
        hnet = getattr(hnets, kind)(shapes, **settings)
    target = Target(skeleton(module))
    names = list(target.shapes)

    def run(inputs: Tensor) -> Tensor:
        return target.run(dict(zip(names, hnet(cond_id=0), strict=True)), inputs)

    return functional_step(hnet, run, inputs, fused=fused)


def hyperlight(module: nn.Module, inputs: Tensor, *, fused: bool = True) -> Ready:
    """hyperlight: layers of 100 and 100, as it has no default, of one input of 8 numbers."""
    import hyperlight as peer

    shapes = {name: tuple(p.shape) for name, p in module.named_parameters()}
    # independent weights are refused for norms
    network = peer.HyperNet({"h": (8,)}, shapes, [100, 100], init_independent_weights=False)
    target, condition = Target(skeleton(module)), torch.full((8,), 0.5, device=inputs.device)

    def run(inputs: Tensor) -> Tensor:
        return target.run(network(h=condition), inputs)

    return functional_step(network, run, inputs, fused=fused)


def hyper_nn(module: nn.Module, inputs: Tensor) -> Ready:
    """hyper-nn: a linear layer of 3 embeddings of 100 numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from hypernn.torch.linear_hypernet import TorchLinearHyperNetwork

        network = TorchLinearHyperNetwork.from_target(module)
    return functional_step(network, network, inputs)


PEERS: dict[str, Maker] = {
    "hypnettorch HMLP": hmlp,
    "hypnettorch ChunkedHMLP": chunked_hmlp,
    "hyperlight": hyperlight,
    "hyper-nn": hyper_nn,
    "hypnettorch HMLP, AdamW as torch sets it": partial(hmlp, fused=False),
    "hyperlight, AdamW as torch sets it": partial(hyperlight, fused=False),
}
