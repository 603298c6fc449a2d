"""Half numbers (bfloat16) in an optimizer's hands, whose moments are single.

Torch makes moments of the type of their parameter. Those of half numbers would have eight bits, too few for a second
moment that takes in a thousandth of a square a step.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.mixing.part import is_half

State = dict[str, Any]  # an optimizer's, of one parameter


def keep_moments_single(optimizer: torch.optim.Optimizer) -> None:
    """Let `load_state_dict` take moments of half numbers as they were saved; torch would round them."""
    loaded: dict[int, State] = {}  # by the number of the parameter

    def before(_optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        loaded.update(state["state"])

    def after(optimizer: torch.optim.Optimizer) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        for i, saved in loaded.items():
            parameter = parameters[i]
            kept: State = optimizer.state[parameter]
            for key, value in saved.items() if is_half(parameter) else ():
                if isinstance(value, Tensor) and value.dim():
                    kept[key] = value.detach().to(parameter.device, torch.float32, copy=True)
        loaded.clear()

    optimizer.register_load_state_dict_pre_hook(before)
    optimizer.register_load_state_dict_post_hook(after)


def make_moments_single(state: State) -> None:
    """Widen those that are half numbers, which torch has made."""
    for key, value in state.items():
        if isinstance(value, Tensor) and is_half(value) and value.dim():
            state[key] = value.float()


@contextmanager
def single(optimizer: torch.optim.Optimizer, parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Within, half numbers that have gradients are single ones, and so are their moments; no gradients are left of them."""
    halves = {p: p.data for p in parameters if type(p) is nn.Parameter and is_half(p)}
    halves = {p: half for p, half in halves.items() if p.grad is not None}
    for parameter, half in halves.items():
        gradient, parameter.grad = parameter.grad, None
        parameter.data, parameter.grad = half.float(), gradient.float()
        if parameter in optimizer.state:
            make_moments_single(optimizer.state[parameter])
    try:
        yield
    finally:
        for parameter, half in halves.items():
            half.copy_(parameter.data)  # rounds to the nearest
            parameter.grad = None
            parameter.data = half
        torch.autograd.graph.increment_version(list(halves))
