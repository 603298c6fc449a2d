"""Buffers that training changes, found before anything is trained."""

from collections.abc import Mapping
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from hypernas.slicing import layout_of
from hypernas.slicing.layout import owners
from hypernas.slicing.slice import Slice
from hypernas.space import SearchSpace
from hypernas.space.architecture import Architecture
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.law.inputs import copied, guesses
from hypernas.subnet.law.trial import undisturbed
from hypernas.subnet.law.weights import drawn
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.skeleton import build_skeleton
from hypernas.subnet.target import Target, UnkeptBuffer

Shapes = dict[str, torch.Size]
_FOUND: WeakKeyDictionary[SearchSpace, Shapes] = WeakKeyDictionary()


def moving_buffers(space: SearchSpace) -> Shapes:
    """Buffers of the smallest architecture, but for norms' statistics, that a step of training changes: name -> shape.

    Found on the space's inputs, or on guesses; empty where none suit, and then training finds them.

    Raises:
        ValueError: if training puts another tensor, of another shape, in the place of one.
    """
    if space not in _FOUND:
        _FOUND[space] = _moving(space, space.smallest())
    return _FOUND[space]


def _moving(space: SearchSpace, architecture: Architecture) -> Shapes:
    module = build_skeleton(space, architecture)
    target, norms = Target(module), norm_statistics(module)
    if not set(target.buffers) - set(norms):
        return {}
    weights = {name: drawn(name, shape) for name, shape in target.shapes.items()}
    weights |= {name: p.detach() for name, p in target.fixed.parameters.items()}
    target.train(True)
    for given in guesses(module) if space.inputs is None else [Arguments.of(space.inputs)]:
        before = {n: module.get_buffer(n).clone() for n in target.buffers if n not in norms}
        versions = target.versions(norms)
        try:
            with undisturbed():
                target.run(weights, copied(given))
        except UnkeptBuffer:
            raise
        except Exception:  # of the user's module, which does not take these
            continue
        written = target.changed(versions)
        _check_counted({n: b for n, b in before.items() if n not in written}, module)
        return {name: before[name].shape for name in written}
    return {}


def _check_counted(before: Mapping[str, Tensor], module: nn.Module) -> None:
    """Refuse buffers that are other ones although no write was counted: training would not find them.

    torch's fake quantization, of modules that are prepared for training in it, writes so.
    """
    now = {name: module.get_buffer(name) for name in before}
    wrong = [n for n, b in before.items() if now[n].shape != b.shape or not torch.equal(now[n], b)]
    if wrong:
        raise UnkeptBuffer(
            f"while it trains, the target writes to the buffers {wrong} by operations of which torch counts no "
            f"writes (as fake quantization does), so that nothing would keep them. Write them by counted operations, "
            f"such as copy_, or quantize what was exported."
        )


def strays(
    module: nn.Module,
    moving: Mapping[str, torch.Size],
    large: Mapping[str, torch.Size],
    slices: Mapping[str, Slice],
    layouts: Mapping[str, object],
) -> list[str]:
    """Buffers without a layout that run over channels of which the weight beside them takes no prefix.

    Args:
        module: the smaller one, of whose buffers `moving` are the shapes; `large` are those of the largest.
        slices: of its parameters.
    """
    return [
        name
        for name, shape in moving.items()
        if layout_of(name, layouts) is None
        and any(
            pair in _cut(slices[weight])
            for weight in _beside(module, name)
            if weight in slices
            for pair in zip(large[name], shape, strict=True)
        )
    ]


def _beside(module: nn.Module, name: str) -> list[str]:
    """The parameters of the innermost module around a buffer that has some."""
    names = {id(p): n for n, p in module.named_parameters()}
    for owner in owners(module, name):
        if found := [names[id(p)] for p in owner.parameters()]:
            return found
    return []


def _cut(where: Slice) -> set[tuple[int, int]]:
    """Sizes, large and small, of the axes of a weight, and of those behind the first together, that take no prefix."""
    pairs = [(torch.Size(axis.large).numel(), axis.size) for axis in where.axes]
    odd = [axis.run is None or bool(axis.run.start) for axis in where.axes]
    found = {pair for pair, cut in zip(pairs, odd, strict=True) if cut}
    if any(odd[1:]) or any(large != small for large, small in pairs[2:]):
        whole, part = zip(*pairs[1:], strict=True)
        found.add((torch.Size(whole).numel(), torch.Size(part).numel()))
    return {(large, small) for large, small in found if large != small}
