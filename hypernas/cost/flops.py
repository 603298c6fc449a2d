"""Costs of a subnet: multiplications and additions, and parameters."""

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
        real = _with_storage(_copied(module)).cpu().eval()
        return _counted(real, map_tensors(lambda x: x.cpu(), arguments))


def subnet_flops(space: SearchSpace, inputs: Any) -> Callable[[Architecture], int]:
    """Architecture -> the `flops` of its module on the `inputs` of a batch; each is counted once.

    Where the largest subnet takes few, passes are computed in earnest, of weights that are zeros: on the meta
    device torch spells out every operation in Python, for three times as long.
    """

    @functools.cache
    def light() -> bool:
        return flops(build_skeleton(space, space.largest()), inputs) <= _LIGHT

    @functools.cache
    def count(architecture: Architecture) -> int:
        if light():
            try:
                own = _with_storage(build_skeleton(space, architecture)).cpu().eval()
                with torch.random.fork_rng(devices=[]):
                    return _counted(own, map_tensors(lambda x: x.cpu(), Arguments.of(inputs)))
            except Exception:  # told below, if the module itself is at fault
                pass
        return flops(build_skeleton(space, architecture), inputs)

    return count


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
