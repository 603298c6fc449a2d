"""Building the module of an architecture, with its weights or without."""

import threading
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import UninitializedTensorMixin

from hypernas.space import SearchSpace
from hypernas.target import skeleton, without_storage


def build_seeded(space: SearchSpace, architecture: Mapping[str, Any], seed: int = 0) -> nn.Module:
    """Build a module with its draws (parameters, buffers) under `seed`; torch's generators stay."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reset those of GPUs too
        return space.build(architecture)


def build_skeleton(space: SearchSpace, architecture: Mapping[str, Any]) -> nn.Module:
    """The `skeleton` of what `build_seeded` builds, in a fraction of its time.

    Parameters lose their storage at the moment a module registers them, so there is nothing for
    initialisers to fill; buffers are computed as ever. Where this could show, the module is built
    with its weights after all: if the builder fails or warns (it reads a parameter's values, or loads
    some), if a tensor that a module keeps, or in a list of its, is made of them, or if anything is drawn at random, which
    would have been drawn after the weights.
    """
    return _built_hollow(space, architecture) or skeleton(build_seeded(space, architecture))


def _built_hollow(space: SearchSpace, architecture: Mapping[str, Any]) -> nn.Module | None:
    """The module without storage for parameters; None where it may differ from the true one."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), _Hollow():
        warnings.simplefilter("error", UserWarning)
        before = torch.default_generator.manual_seed(0).get_state()
        try:
            module = skeleton(space.build(architecture))
        except Exception:  # the true build tells what is wrong, if anything is
            return None
        drawn = not torch.equal(before, torch.default_generator.get_state())
    derived = any(
        tensor.is_meta
        for part in module.modules()
        for value in (part._buffers, *vars(part).values())
        for tensor in _tensors(value)
    )
    return None if drawn or derived else module


def _tensors(value: Any) -> list[Tensor]:
    """Tensors, other than parameters, that are a value or in it."""
    if isinstance(value, dict):
        value = list(value.values())
    found = value if isinstance(value, list | tuple) else [value]
    return [t for t in found if isinstance(t, Tensor) and not isinstance(t, nn.Parameter)]


class _Hollow:
    """While it lasts, parameters that this thread registers have no storage; tied ones stay tied."""

    def __enter__(self) -> None:
        # parameter -> what stands for it; it is kept, so that no other gets its id
        self._seen: dict[int, tuple[nn.Parameter, nn.Parameter]] = {}
        self._thread = threading.get_ident()
        self._handle = register_module_parameter_registration_hook(self._registered)

    def __exit__(self, *error: object) -> None:
        self._handle.remove()

    def _registered(
        self, module: nn.Module, name: str, parameter: nn.Parameter | None
    ) -> nn.Parameter | None:
        if parameter is None or parameter.is_meta or threading.get_ident() != self._thread:
            return None
        if isinstance(parameter, UninitializedTensorMixin):
            return None
        if id(parameter) not in self._seen:
            self._seen[id(parameter)] = parameter, without_storage(parameter)
        return self._seen[id(parameter)][1]
