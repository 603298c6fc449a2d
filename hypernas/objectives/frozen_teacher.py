"""A module that teaches and does not learn."""

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.subnet.arguments import Arguments
from hypernas.subnet.cache import Cache
from hypernas.subnet.structure import tensors


class FrozenTeacher(nn.Module):
    """One tensor of a module's outputs, computed without gradients, in evaluation mode.

    Keyword inputs that the module's forward does not know are left out. The module moves to the device
    of the inputs.

    Args:
        module: of any architecture.
        read: outputs -> the tensor, shape (N, ...), a row for each example.
        num_stored: examples whose rows are kept, on the CPU: as many as there are, where each comes
            again as it is, so that the module runs for an epoch; 0 where inputs are augmented.
    """

    def __init__(
        self, module: nn.Module, *, read: Callable[[Any], Tensor], num_stored: int = 0
    ) -> None:
        super().__init__()
        self.module, self.read = module, read
        self._stored: Cache[Tensor] = Cache(num_stored)

    @torch.no_grad()
    def forward(self, inputs: Any) -> Tensor:  # shape: (N, ...)
        arguments = Arguments.of(inputs)
        if not self._stored.size:
            return self._computed(arguments)
        keys = _digests(arguments)
        rows = [self._stored.find(key) for key in keys]
        known = [row for row in rows if row is not None]
        if len(known) == len(rows):
            device = next(tensors(arguments)).device
            return torch.stack(known).to(device, non_blocking=True)
        found = self._computed(arguments)
        for key, row in zip(keys, found.cpu(), strict=True):
            self._stored.get(key, row.clone)
        return found

    def _computed(self, arguments: Arguments) -> Tensor:
        self.module.to(next(tensors(arguments)).device).eval()
        known = inspect.signature(self.module.forward).parameters
        keywords = dict(arguments.keywords)
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values()):
            keywords = {name: value for name, value in keywords.items() if name in known}
        return self.read(self.module(*arguments.positional, **keywords)).detach()

    def extra_repr(self) -> str:
        """A digest of the weights, which tells teachers apart where stand-alone results are kept."""
        content = hashlib.sha256()
        for tensor in self.module.state_dict().values():
            content.update(_bytes(tensor))
        return f"weights {content.hexdigest()[:16]}"


def _digests(arguments: Arguments) -> list[bytes]:
    """A digest of each example: of its rows in all tensors that have one for each example."""
    moved = [x.detach().cpu() for x in tensors(arguments)]
    num = next(len(x) for x in moved if x.dim())
    rows = [x for x in moved if x.dim() and len(x) == num]
    return [
        hashlib.sha256(b"".join(_bytes(x[i]) + b"|" for x in rows)).digest() for i in range(num)
    ]


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
