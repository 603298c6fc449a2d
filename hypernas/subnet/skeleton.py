"""Building the module of an architecture, with its weights or without."""

import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any, cast
from weakref import WeakSet

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import ParametrizationList

from hypernas.space import SearchSpace
from hypernas.subnet.aliases import memory
from hypernas.subnet.anatomy import Anatomy
from hypernas.subnet.target import stripped, without_storage

_NEED_WEIGHTS: WeakSet[SearchSpace] = WeakSet()  # whose modules are built with weights
# the methods of initialisers that take torch longer on tensors without storage than on others
_FILLING = ("uniform_", "normal_", "erfinv_", "clamp_")


def build_seeded(space: SearchSpace, architecture: Mapping[str, Any], seed: int = 0) -> nn.Module:
    """Build a module with its draws (parameters, buffers) under `seed`; torch's generators stay."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reset those of GPUs too
        return space.build(architecture)


def build_skeleton(space: SearchSpace, architecture: Mapping[str, Any]) -> nn.Module:
    """The `skeleton` of what `build_seeded` builds, in a fraction of its time.

    Parameters lose their storage at the moment a module registers them, so there is nothing for
    initialisers to fill; buffers are computed as ever. Where this could show, the module is built
    with its weights after all, and so are the others of the space from then on: if the builder fails or
    warns (it reads a parameter's values, or loads some), if a tensor that a module keeps is made of
    them, if a parameter is parametrized (which swallows failures) or frozen after it was registered, or if anything is drawn but by
    initialisers of registered parameters, as draws come after those of the weights. So write `nn.init.normal_` of an `nn.Parameter(torch.empty(...))` that has
    its place in the module, not `nn.Parameter(torch.randn(...))`.
    """
    return build_anatomy(space, architecture).module


def build_anatomy(space: SearchSpace, architecture: Mapping[str, Any]) -> Anatomy:
    """The anatomy of what `build_skeleton` builds."""
    if space not in _NEED_WEIGHTS:
        if anatomy := _built_hollow(space, architecture):
            return anatomy
        _NEED_WEIGHTS.add(space)
    return stripped(Anatomy(build_seeded(space, architecture)))


@torch.no_grad()
def compute_attributes(module: nn.Module) -> nn.Module:
    """Make anew, in place, what torch's old weight and spectral norm keep beside parameters.

    These attributes are then of the present parameters, and a module in evaluation mode can be copied, as they
    have no history.
    """
    for part in module.modules():
        for hook in part._forward_pre_hooks.values():
            if hasattr(hook, "compute_weight"):
                hook(part, ())
    return module


def _built_hollow(space: SearchSpace, architecture: Mapping[str, Any]) -> Anatomy | None:
    """The skeleton, built without storage for parameters; None where it may differ from the true one."""
    rng = torch.default_generator
    state = rng.get_state()
    before = rng.manual_seed(0).get_state()
    try:
        with warnings.catch_warnings(), _Hollow() as hollow:
            warnings.simplefilter("error", UserWarning)
            anatomy = stripped(Anatomy(space.build(architecture)))
        drawn = not torch.equal(before, rng.get_state())
    except Exception:  # the true build tells what is wrong, if anything is
        return None
    finally:
        rng.set_state(state)
    if drawn or any(isinstance(part, ParametrizationList) for _, part in anatomy.parts):
        return None
    if any(p.is_meta and not p.requires_grad for p in anatomy.parameters.values()):
        return None
    replaced = hollow.replaced()
    for _, tensor, _ in anatomy.kept:
        if memory(tensor) in replaced or (tensor.is_meta and not isinstance(tensor, nn.Parameter)):
            return None
    return anatomy


class _Hollow:
    """While it lasts, parameters that this thread registers have no storage; tied ones stay tied."""

    def __enter__(self) -> "_Hollow":
        # parameter -> what stands for it; it is kept, so that no other gets its id
        self._seen: dict[int, tuple[nn.Parameter, nn.Parameter]] = {}
        self._thread = threading.get_ident()
        # torch's annotation says that hooks return nothing, its documentation what they may return
        hook = cast("Callable[..., None]", self._registered)
        self._handle = register_module_parameter_registration_hook(hook)
        return self

    def __exit__(self, *error: object) -> None:
        self._handle.remove()
        for _, hollow in self._seen.values():
            for name in _FILLING:
                del vars(hollow)[name]

    def replaced(self) -> set[int]:
        """The memory of the parameters that others stand for now."""
        return {memory(parameter) for parameter, _ in self._seen.values()}

    def _registered(
        self, module: nn.Module, name: str, parameter: nn.Parameter | None
    ) -> nn.Parameter | None:
        if parameter is None or is_lazy(parameter) or parameter.is_meta:
            return None
        if not parameter.requires_grad:
            return None
        if threading.get_ident() != self._thread:
            return None
        if id(parameter) not in self._seen:
            hollow = without_storage(parameter)
            vars(hollow).update(dict.fromkeys(_FILLING, lambda *_, **__: hollow))
            self._seen[id(parameter)] = parameter, hollow
        return self._seen[id(parameter)][1]
