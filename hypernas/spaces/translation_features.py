"""Features of encoder-decoder architectures, as published with Mixture-of-Supernets.

Jawahar et al., 2023, arXiv 2306.04845, in the translation code: fixed constants divide, those of HAT's space for WMT. Here they are
made of the space's own values so that they are the same on that space: the largest number of channels and of layers; the
mean of the values of feed-forward units (2048), heads (6) and layers attended to (2), whose largest features are 1.5 and 1.33.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

Ranges = Mapping[str, Sequence[float]]  # values of each choice, without the number of a layer

_SIDES = {  # -> choices of each of its layers
    "encoder": ("encoder_ffn", "encoder_heads"),
    "decoder": ("decoder_ffn", "decoder_heads", "cross_heads", "attend"),
}


def aggregated(ranges: Ranges, architecture: Mapping[str, Any]) -> dict[str, float]:
    """Ten features of the whole network, of its layers their means: those that are there.

    In this order: channels, layers, feed-forward units and heads of the encoder; channels, layers, feed-forward units, heads, heads
    of the attention to the encoder, and layers that this attends to, of the decoder.
    """
    found = {}
    for side, names in _SIDES.items():
        found |= _sizes(ranges, architecture, side)
        for name in names:
            of_layers = [architecture[f"{name}_{i}"] for i in range(architecture[f"{side}_depth"])]
            found[f"mean {name}"] = fmean(of_layers) / fmean(ranges[name])
    return found


def fine(ranges: Ranges, architecture: Mapping[str, Any]) -> dict[str, float]:
    """Features of every layer, those of absent layers 0: 40 on the space for WMT.

    Channels and layers of both sides, then those choices of layers that `aggregated` takes means of, divided by their
    largest values, layers attended to by their mean, which are 1.5 at most. The order of the six lists is ours.
    """
    found = {}
    for side in _SIDES:
        found |= _sizes(ranges, architecture, side)
    for side, names in _SIDES.items():
        for name in names:
            divisor = fmean(ranges[name]) if name == "attend" else max(ranges[name])
            found |= {
                f"{name}_{i}": architecture.get(f"{name}_{i}", 0) / divisor
                for i in range(int(max(ranges[f"{side}_depth"])))
            }
    return found


def _sizes(ranges: Ranges, architecture: Mapping[str, Any], side: str) -> dict[str, float]:
    names = (f"{side}_dim", f"{side}_depth")
    return {name: architecture[name] / max(ranges[name]) for name in names}


FEATURES: dict[str, Callable[[Ranges, Mapping[str, Any]], dict[str, float]]] = {
    "aggr": aggregated,
    "fine": fine,
}
