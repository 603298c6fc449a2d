"""A witness of wrong cuts that knows nothing of the law of slices: outputs at the end, and gradients.

Of the largest network it pads weights by zeros as the slices say. The outputs then are those of the subnet, unless
something counts absent channels; and no entry of a parameter outside of its slice has a gradient, where all others are
padded, unless an activation is not 0 at 0 or something mixes channels. Only what fails both is called wrong.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from hypernas import SearchSpace, generators

_RELATIVE = 1e-3
_MOST = 2**24  # entries with numbers of their own in float32


def testimony(space: SearchSpace, given: Mapping[str, Any]) -> dict[str, Any]:
    """The relative difference of outputs, and parameters with gradients outside of their slices.

    Returns:
        "apart" (None where no outputs have one shape, of a width that is chosen), "outside" (names), "idle" (sliced
        ones that no output depends on) and "wrong": 0, 1, or "not told".
    """
    generator = generators.shared(space)
    inside = _places(generator, space)
    small_one, large_one = (space.build(a).eval() for a in (space.smallest(), space.largest()))
    rng = torch.Generator().manual_seed(0)
    large = {n: _drawn(p, rng) for n, p in large_one.named_parameters()}
    small = {
        n: large[n].flatten()[inside[n]].reshape(p.shape) if n in inside else large[n].clone()
        for n, p in small_one.named_parameters()
    }
    padded = {n: _padded(t, inside.get(n), n in small) for n, t in large.items()}
    first, second = _run(small_one, small, given), _run(large_one, padded, given)
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a.shape == b.shape]
    apart = max((_apart(a, b) for a, b in pairs), default=None)
    outside, idle = [], []
    sliced = [n for n in inside if inside[n].numel() < large[n].numel()]
    for alike in _alike(sliced):
        gradients = _gradients(large_one, {**padded, **{n: large[n] for n in alike}}, alike, given)
        if all(g is None or not g.any() for g in gradients):
            idle += alike
        for name, gradient in zip(alike, gradients, strict=True):
            if gradient is not None and gradient.flatten().index_fill(0, inside[name], 0.0).any():
                outside.append(name)
    wrong = "not told" if apart is None else int(apart > _RELATIVE)
    wrong = wrong if outside else 0
    return {"apart": apart, "outside": outside, "idle": idle, "wrong": wrong}


def _places(generator: Any, space: SearchSpace) -> dict[str, Tensor]:
    """Where the entries of the smallest subnet's parameters stand in those of the largest, flat."""
    with torch.no_grad():
        for parameter in generator.parameters():
            if parameter.numel() > _MOST:
                raise ValueError("a parameter too large to number its entries")
            parameter.copy_(torch.arange(1.0, 1 + parameter.numel()).reshape(parameter.shape))
        large, small = generator(space.largest()), generator(space.smallest())
    found = {}
    for name, tensor in small.items():
        if tensor.shape == large[name].shape:
            found[name] = torch.arange(tensor.numel())
            continue
        values, order = large[name].detach().flatten().sort()
        if (values.diff() <= 0).any():
            raise ValueError(f"entries of {name} cannot be told apart")
        at = torch.searchsorted(values, tensor.detach().flatten()).clamp(max=len(values) - 1)
        if not torch.equal(values[at], tensor.detach().flatten()):
            raise ValueError(f"entries of {name} are none of the largest subnet's")
        found[name] = order[at]
    return found


def _drawn(parameter: nn.Parameter, rng: torch.Generator) -> Tensor:
    if not parameter.requires_grad:
        return parameter.detach().clone()
    return 0.2 * torch.randn(parameter.shape, generator=rng) + (parameter.dim() < 2)


def _padded(tensor: Tensor, inside: Tensor | None, there: bool) -> Tensor:
    if inside is None:
        return tensor if there else torch.zeros_like(tensor)
    flat = torch.zeros(tensor.numel())
    flat[inside] = tensor.flatten()[inside]
    return flat.reshape(tensor.shape)


def _alike(names: list[str]) -> list[list[str]]:
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(re.sub(r"\.\d+\.", ".*.", name), []).append(name)
    return list(kinds.values())


def _run(
    module: nn.Module, weights: Mapping[str, Tensor], given: Mapping[str, Any]
) -> list[Tensor]:
    torch.manual_seed(0)
    copies = {k: v.clone() if isinstance(v, Tensor) else v for k, v in given.items()}
    outputs = torch.func.functional_call(module, dict(weights), (), copies)
    return [t for t in tree_leaves(outputs) if isinstance(t, Tensor) and t.is_floating_point()]


def _gradients(
    module: nn.Module, weights: dict[str, Tensor], names: list[str], given: Mapping[str, Any]
) -> tuple[Tensor | None, ...]:
    for name in names:
        weights[name] = weights[name].clone().requires_grad_()
    outputs = [t for t in _run(module, weights, given) if t.requires_grad]
    if not outputs:
        return (None,) * len(names)
    total = torch.stack([t.nan_to_num().square().sum() for t in outputs]).sum()
    return torch.autograd.grad(total, [weights[n] for n in names], allow_unused=True)


def _apart(one: Tensor, other: Tensor) -> float:
    one, other = one.detach().nan_to_num(), other.detach().nan_to_num()
    return (
        float((one - other).abs().max() / one.abs().max().clamp(min=1e-12)) if one.numel() else 0.0
    )
