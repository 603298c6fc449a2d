"""Padded batches, on which a network may fail that runs on all others."""

import inspect

import torch

from hypernas.subnet.arguments import Arguments
from hypernas.subnet.law.network import Network
from hypernas.subnet.masks import masks_of, padded
from hypernas.subnet.structure import tensors

_MASK = "attention_mask"  # as models of transformers call it
_EXAMPLES = 2  # of which the end, and the start is padded: none of which nothing is left


def refusal_of_padding(network: Network, given: Arguments) -> Exception | None:
    """The error that a network raises on padded examples; None where it takes them, or masks are none of its inputs.

    Args:
        given: arguments that it takes, with a mask or, if its forward knows `attention_mask`, without.
    """
    found = given if masks_of(network.module, given) else _with_mask(network, given)
    if found is None:
        return None
    masks = masks_of(network.module, found)
    error = network.refusal(padded(found, masks, num=_EXAMPLES)) if masks else None
    return None if error is None or network.refusal(found) is not None else error


def _with_mask(network: Network, given: Arguments) -> Arguments | None:
    """The arguments with a mask of ones for tokens (N, T); None where there can be none."""
    signature = inspect.signature(network.module.forward)
    bound = signature.bind(*given.positional, **given.keywords).arguments
    tokens = next(tensors(given), None)
    if _MASK not in signature.parameters or bound.get(_MASK) is not None or tokens is None:
        return None
    if tokens.is_floating_point() or tokens.dim() != 2:
        return None
    mask = torch.ones_like(tokens, dtype=torch.long)
    if list(signature.parameters).index(_MASK) < len(given.positional):
        return None
    return Arguments(given.positional, {**given.keywords, _MASK: mask})
