"""Peak activation memory of inference."""

import copy
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from hypernas.border import checked
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.structure import map_tensors, tensors


@checked
def peak_memory(module: nn.Module, inputs: Any) -> int:
    """Bytes of activations that one forward pass on the `inputs` of a batch holds at once, at most.

    Counted are the inputs, all through, and the result of each operation from when it is computed
    until nothing refers to it, as torch frees it in eager mode, in evaluation mode on a CPU, without
    gradients; views share the memory of what they show. Not counted are parameters and buffers, the
    scratch memory within an operation, and what an allocator rounds up. An export may need less, as
    it plans its memory, and fused kernels of other devices more or less.

    No weight is read, and nothing computed, unless the module needs the values of tensors: then
    parameters without storage are taken as zeros.
    """
    arguments = Arguments.of(inputs)
    try:
        with FakeTensorMode() as fake:  # shapes and devices without storage
            return _peak(
                _placed(module, fake.from_tensor), map_tensors(fake.from_tensor, arguments)
            )
    except Exception:  # what is wrong with the module itself, if anything is, shows below
        return _peak(_placed(module, Tensor.cpu), map_tensors(Tensor.cpu, arguments))


def _placed(module: nn.Module, place: Callable[[Tensor], Tensor]) -> nn.Module:
    """A copy on the CPU for evaluation, whose parameters without storage are zeros."""

    def own(tensor: Tensor) -> Tensor:
        if tensor.is_meta:
            return torch.zeros(tensor.shape, dtype=tensor.dtype, device="cpu")
        return place(tensor.detach())

    tied = {id(p): nn.Parameter(own(p), requires_grad=False) for p in module.parameters()}
    kept = {id(buffer): own(buffer) for buffer in module.buffers()}
    return copy.deepcopy(module, {**tied, **kept}).eval()


def _peak(module: nn.Module, arguments: Arguments) -> int:
    live = _Live()
    live.count(arguments)
    with torch.no_grad(), live:
        module(*arguments.positional, **arguments.keywords)
    return live.peak


class _Live(TorchDispatchMode):
    """Looks on at what is computed, and keeps count of the memory that is held.

    Attributes:
        peak: bytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._now = 0
        self._held: dict[
            int, tuple[int, Any]
        ] = {}  # address of a storage -> its bytes, a reference

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        results = func(*args, **(kwargs or {}))
        given = {x.untyped_storage()._cdata for x in tensors([args, kwargs or {}])}
        self.count(results, besides=given)  # views, of parameters too
        return results

    def count(self, values: Any, besides: Any = ()) -> None:
        for tensor in tensors(values):
            storage = tensor.untyped_storage()
            key = storage._cdata
            if key in self._held or key in besides:
                continue
            self._held[key] = storage.nbytes(), weakref.ref(storage, self._freeing(key))
            self._now += storage.nbytes()
            self.peak = max(self.peak, self._now)

    def _freeing(self, key: int) -> Callable[[Any], None]:
        def free(_: Any) -> None:
            self._now -= self._held.pop(key)[0]

        return free
