"""Costs of a subnet: multiplications and additions, and parameters."""

import contextlib
import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from hypernas.border import checked
from hypernas.cost.counting import counting
from hypernas.space.architecture import Architecture
from hypernas.space.search_space import SearchSpace
from hypernas.subnet.anatomy import Anatomy
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.skeleton import build_skeleton
from hypernas.subnet.structure import map_tensors
from hypernas.subnet.target import without_storage

_LIGHT = 50_000_000  # FLOPs that are computed in less time than torch takes to follow their shapes
_SMALL = 100_000_000  # bytes of parameters that are made as zeros for that


@checked
def flops(module: nn.Module, inputs: Any) -> int:
    """Floating-point operations of one forward pass on the `inputs` of a batch, 2 for each multiply-add.

    Counted by torch's own counter on a copy on the meta device, in evaluation mode: matrix
    products, convolutions and attention; element-wise work is left out (see `counting`). What cannot
    run there, as it reads values or keeps tensors that are no buffers, is computed in earnest,
    parameters without storage as zeros.
    """
    arguments = Arguments.of(inputs)
    hollow = {id(p): without_storage(p) for p in module.parameters() if not is_lazy(p)}
    shadow = _copied(module, hollow).to("meta").eval()
    try:
        return _counted(shadow, map_tensors(lambda x: x.to("meta"), arguments))
    except Exception:  # what is wrong with the module itself, if anything is, shows below
        return _computed(module, arguments)


@checked
def subnet_flops(space: SearchSpace, inputs: Any) -> Callable[[Mapping[str, Any]], int]:
    """Architecture -> the `flops` of its module on the `inputs` of a batch; each is counted once.

    Where the largest subnet is small and takes few, passes are computed in earnest, of weights that are zeros: on the
    meta device torch spells out every operation in Python, which took 2.6 times as long for small translators.
    """
    arguments = Arguments.of(inputs)

    @functools.cache
    def light() -> bool:
        try:
            largest = build_skeleton(space, space.largest())
            stored = sum(p.numel() * p.element_size() for p in largest.parameters())
            return stored <= _SMALL and flops(largest, inputs) <= _LIGHT
        except Exception:  # which is told of where it is asked for
            return False

    @functools.cache
    def count(architecture: Architecture) -> int:
        module = build_skeleton(space, architecture)
        with torch.random.fork_rng(devices=[]):
            if light():
                with contextlib.suppress(Exception):  # told below, if the module itself is at fault
                    return _computed(module, arguments)
            return flops(module, inputs)

    return lambda architecture: count(space.architecture(architecture))


def _computed(module: nn.Module, arguments: Arguments) -> int:
    """The count of a pass in earnest, on copies of the module and of its inputs."""
    real = _with_storage(_copied(module)).cpu().eval()
    return _counted(real, map_tensors(lambda x: x.cpu().clone(), arguments))


def _copied(module: nn.Module, memo: Mapping[int, nn.Parameter] | None = None) -> nn.Module:
    """A copy, also where the module keeps tensors that were computed of parameters (old weight norm).

    Args:
        memo: a parameter's id -> what stands in its place.
    """
    computed = {
        id(kept.tensor): kept.tensor.detach()
        for kept in Anatomy(module).kept
        if kept.tensor.grad_fn is not None
    }
    return copy.deepcopy(module, {**computed, **(memo or {})})


def _counted(module: nn.Module, arguments: Arguments) -> int:
    with torch.no_grad(), counting() as counter:
        module(*arguments.positional, **arguments.keywords)
    return counter.get_total_flops()


def _with_storage(module: nn.Module) -> nn.Module:
    for owner in module.modules():
        for name, parameter in owner._parameters.items():
            if parameter is not None and parameter.is_meta:
                owner._parameters[name] = nn.Parameter(torch.zeros_like(parameter, device="cpu"))
    return module


@checked
def num_parameters(module: nn.Module) -> int:
    """Parameters of a module, tied ones once."""
    return sum(parameter.numel() for parameter in module.parameters())
