"""Parameters that an example reaches: those on which something depends that the law compares.

Of experts to which no token is sent, and of parts that are called on other inputs only, the large network follows
the small one whatever is cut: agreement proves nothing of them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.slicing.layout import owners
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.law.classes import pattern_of
from hypernas.subnet.law.match import tensors
from hypernas.subnet.law.pair import Pair
from hypernas.subnet.law.search import everywhere
from hypernas.subnet.law.weights import drawn

_OWN = "torch.nn.modules."
_ROUNDING = 1e-6  # of the largest entry: operations may sum in another order in a second run


class _Reached(Exception):
    """A layer that puts out something else on other weights."""


def unreached(pair: Pair, names: Iterable[str]) -> tuple[str, ...]:
    """Parameters of the small network on which nothing depends that it computes from the inputs.

    One is proved by another that is like it (`_kind`): of an expert among many, of a block among blocks.
    """
    kinds: dict[object, list[str]] = {}
    for name in names:
        kinds.setdefault(_kind(pair, name), []).append(name)
    return tuple(n for alike in kinds.values() if not _reached(pair, alike) for n in alike)


def take_alike(pair: Pair, names: Iterable[str]) -> None:
    """Let unreached parameters take what was found to be needed for others that are like them."""
    found = {_kind(pair, name) for name, _ in pair.taken}
    known = {name for name, _ in pair.taken}
    others = [n for n in names if n not in known and _kind(pair, n) in found]
    idle = {name for name in others if not _reached(pair, [name])}
    if idle:
        pair.taken |= {u: c for u, c in everywhere(pair, pair.taken).items() if u[0] in idle}


def _kind(pair: Pair, name: str) -> object:
    """Likeness of parameters: the same name but for numbers, class of module, and sizes in both networks."""
    sizes = tuple(pair.pair((name, i)) for i in range(len(pair.slices[name].axes)))
    return pattern_of(name), type(next(owners(pair.large.module, name))), sizes


def _reached(pair: Pair, names: Iterable[str]) -> bool:
    """True if the small network computes something else with other weights for some parameters."""
    names = set(names)
    if any(_evident(pair, name) for name in names):
        return True
    own = {p for p in pair.small.leaves if names.intersection(pair.small.parameters_of(p))}
    outside = names.difference(*map(pair.small.parameters_of, own))  # of layers around others

    def compare(path: str, time: int, module: nn.Module, given: Arguments, outputs: Any) -> None:
        call = pair.call(path, time) if outside or path in own else None
        if call is not None and _differ(outputs, call.outputs):
            raise _Reached

    shapes: Mapping[str, torch.Size] = pair.small.target.shapes
    try:
        outputs = pair.again({n: drawn(f"{n}, again", shapes[n]) for n in names}, after=compare)
    except Exception:  # that other weights fail is a difference too, whatever is raised
        return True
    return _differ(outputs, pair.outputs)


def _evident(pair: Pair, name: str) -> bool:
    """True if a layer of torch's own has the parameter and has read something that is not 0."""
    path = next((p for p in pair.small.leaves if name in pair.small.parameters_of(p)), None)
    if path is None or not type(pair.small.module.get_submodule(path)).__module__.startswith(_OWN):
        return False
    return any(bool(x.any()) for call in pair.calls(path) for x in call.inputs)


def _differ(one: Any, other: Any) -> bool:
    """True if tensors of two nested outputs differ by more than rounding."""
    pairs = tensors(one), tensors(other)
    return len(pairs[0]) != len(pairs[1]) or any(
        a.shape != b.shape or not _close(a, b) for a, b in zip(*pairs, strict=True)
    )


def _close(one: Tensor, other: Tensor) -> bool:
    if not other.is_floating_point() or not other.numel():
        return torch.equal(one, other)
    size = float(other.abs().nan_to_num().max())
    return torch.allclose(one, other, rtol=0, atol=_ROUNDING * size, equal_nan=True)
