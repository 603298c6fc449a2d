"""Weights alone, as a safetensors file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from hypernas.exports.format import ExportError, Format
from hypernas.subnet.arguments import Arguments


class Weights(Format):
    """The state dict; tensors that are tied stand once, under their first name.

    `safetensors.torch.load_model(module, path)` reads it into a module of the same architecture, tied
    or not.

    Args:
        build: a module of the architecture, with any weights.
    """

    tolerance = 1e-6
    any_batch = False

    def __init__(self, build: Callable[[], nn.Module]) -> None:
        self.build = build

    def write(self, module: nn.Module, arguments: Arguments, outputs: Any, path: Path) -> None:
        save_weights(module, path)

    def run(self, path: Path, arguments: Arguments) -> Any:
        module = self.build()
        load_weights(module, path)
        return outputs_of(module, arguments)


def save_weights(module: nn.Module, path: Path) -> None:
    """Write the state dict of a module, what is tied once."""
    state = module.state_dict()
    own = {name: state[name].contiguous().clone() for name in _untied(module)}
    save_file(own, path, metadata={"format": "pt"})


def load_weights(module: nn.Module, path: Path) -> None:
    """Read a state dict into a module.

    Raises:
        ExportError: if a tensor is missing in the file, or not one of the module's.
    """
    missing, unknown = module.load_state_dict(load_file(path), strict=False)
    if wrong := [*(set(missing) & set(_untied(module))), *unknown]:
        raise ExportError(f"{path.name} does not hold the tensors of the module: {sorted(wrong)}.")


def _untied(module: nn.Module) -> list[str]:
    """The first name of each tensor of a state dict."""
    first: dict[int, str] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        first.setdefault(id(tensor), name)
    return list(first.values())


@torch.no_grad()
def outputs_of(module: nn.Module, arguments: Arguments) -> Any:
    """The outputs of a module in evaluation mode."""
    return module.eval()(*arguments.positional, **arguments.keywords)
