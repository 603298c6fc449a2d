"""Weights of the largest architecture, seen from a bank: what its entries have to add up to."""

from collections.abc import Mapping

import torch
from torch import Tensor

from hypernas.mixing import PLAIN, Coefficients
from hypernas.mixing.mix import spread

_LEAST = 1e-2  # a gain, or a sum of gates, that is not divided by


def as_mixes(
    weights: Mapping[str, Tensor], coefficients: Mapping[str, Coefficients]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Mixes and gates by parameter, in double precision: gates are ones, shape (1,), where there are none.

    Args:
        coefficients: those of the largest architecture.

    Raises:
        ValueError: naming the parameters whose gains are about 0.
    """
    mixes, gates, small = {}, {}, []
    for name, weight in weights.items():
        own = coefficients.get(name, PLAIN)
        gates[name] = torch.ones(1).double() if own.experts is None else own.experts.double()
        mix = weight.detach().double().to(gates[name].device)
        if own.offset is not None:
            mix = mix - own.offset.double()
        gains = [(own.gain_out, mix), (own.gain_in, mix.transpose(0, 1) if mix.dim() > 1 else mix)]
        for gain, turned in gains:
            if gain is not None:
                small += [name] if gain.abs().min() < _LEAST else []
                turned.div_(spread(gain.double(), turned))
        mixes[name] = mix
    if small:
        raise ValueError(
            f"gains of these parameters are about 0, so that no bank makes any weights: {small}. "
            f"Start at a module before training."
        )
    return mixes, gates


def with_mix(
    stack: Tensor,  # shape: (K, *largest)
    mix: Tensor,  # shape: (*largest), double
    gates: Tensor,  # shape: (K,) or (O, K), double
    *,
    base: bool,
) -> Tensor:  # shape: (K, *largest), double
    """The stack, of which its mix under the gates is the given one.

    A base takes all of the change; without one every entry moves alike, so that what tells them
    apart stays, and has a mean of zero under these gates.
    """
    factors = spread(gates.T if gates.dim() > 1 else gates, stack)
    stack = stack.detach().double()
    if base:
        rest = (factors[1:] * stack[1:]).sum(0)
        return torch.cat([((mix - rest) / factors[0])[None], stack[1:]])
    total = factors.sum(0)
    return (stack - (factors * stack).sum(0) / total) + mix / total


def too_small(gates: Tensor) -> bool:
    """True for gates whose sum is about 0 for some neuron."""
    return bool((gates.sum(-1).abs() < _LEAST).any())


def cannot_hold(words: Mapping[str, str]) -> str:
    """The words of an error about weights that a generator cannot be given.

    Args:
        words: parameter name -> how its weights come about.
    """
    return (
        "a generator of this kind cannot start at a trained module, as it makes these weights of parts "
        "that cannot be any weights:\n  "
        + "\n  ".join(f"{name}: {own}" for name, own in words.items())
        + "\nLeave them out of what is shared (share=...), or take another generator."
    )
