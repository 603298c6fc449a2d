"""Heads of MiniMax-M2, whose cut the witness suspects: once more, with its norm of queries over the subnet's own channels.

Printed are the largest differences between outputs of the subnet and of the largest network on padded weights, as the
norm is and with absent channels left out of its mean.
"""

import warnings
from functools import partial

import torch
import transformers as hf
from classes import small, space_of
from torch import Tensor, nn
from witness import _drawn, _padded, _places, _run

from hypernas import generators


def normed(x: Tensor, *, norm: nn.Module, channels: int) -> Tensor:
    """RMS norm with a mean over fewer channels than there are."""
    numbers = x.float()
    variance = numbers.square().sum(-1, keepdim=True) / channels
    return norm.weight * (numbers * torch.rsqrt(variance + norm.variance_epsilon))


def main() -> None:
    warnings.simplefilter("ignore")
    given, module, inputs = small(hf.MiniMaxM2Model)
    space = space_of(hf.MiniMaxM2Model, given, module, inputs, "heads")
    if space is None:
        raise ValueError("the number of heads changes no number of parameters.")
    inside = _places(generators.shared(space), space)
    part, whole = (space.build(a).eval() for a in (space.smallest(), space.largest()))
    rng = torch.Generator().manual_seed(0)
    large = {n: _drawn(p, rng) for n, p in whole.named_parameters()}
    own = {n: large[n].flatten()[inside[n]].reshape(p.shape) for n, p in part.named_parameters()}
    padded = {n: _padded(t, inside.get(n), n in own) for n, t in large.items()}
    expected = _run(part, own, inputs)[0]
    print("as it is", float((_run(whole, padded, inputs)[0] - expected).abs().max()))
    for layer, other in zip(whole.layers, part.layers, strict=True):
        norm, channels = layer.self_attn.q_norm, other.self_attn.q_norm.weight.numel()
        norm.forward = partial(normed, norm=norm, channels=channels)
    print("own channels", float((_run(whole, padded, inputs)[0] - expected).abs().max()))


if __name__ == "__main__":
    main()
