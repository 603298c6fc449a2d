"""The parts of a module and the tensors that they hold, found in one walk."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.parameter import Parameter

from hypernas.subnet.aliases import Kept, kept_tensors

Parts = list[tuple[str, nn.Module]]  # path and module, each module once


class Anatomy:
    """Everything that is looked up in a module when an architecture is resolved.

    torch's own `named_parameters`, `named_buffers` and `named_modules` walk through the whole module each time,
    as deep as it is.

    Attributes:
        module: which must not be changed afterwards, but for the values of its tensors.
        parts: as `named_modules`.
        parameters: as `named_parameters`: tied ones stand once, under their first name.
        buffers: as `named_buffers`.
        holders: name of a parameter or buffer, any of those it has -> the part that has it.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.parts = parts_of(module)
        self.parameters: dict[str, Parameter] = {}
        self.buffers: dict[str, Tensor] = {}
        self.holders: dict[str, nn.Module] = {}
        self._kept: list[Kept] | None = None
        parameters: set[int] = set()
        buffers: set[int] = set()
        for path, part in self.parts:
            start = f"{path}." if path else ""
            for leaf, parameter in part._parameters.items():
                self.holders[start + leaf] = part
                if parameter is not None and id(parameter) not in parameters:
                    parameters.add(id(parameter))
                    self.parameters[start + leaf] = parameter
            for leaf, buffer in part._buffers.items():
                self.holders[start + leaf] = part
                if buffer is not None and id(buffer) not in buffers:
                    buffers.add(id(buffer))
                    self.buffers[start + leaf] = buffer

    @property
    def kept(self) -> list[Kept]:
        """The `kept_tensors` of the module."""
        if self._kept is None:
            self._kept = list(kept_tensors(self.parts))
        return self._kept

    def moved(self, place: Callable[[Tensor], Tensor]) -> "Anatomy":
        """The anatomy after buffers, and parameters that nobody trains, were moved, in place, by a function."""
        changed = False
        for _, part in self.parts:
            for leaf, buffer in part._buffers.items():
                if buffer is not None and (new := place(buffer)) is not buffer:
                    part._buffers[leaf], changed = new, True
        for parameter in self.parameters.values():
            if not parameter.requires_grad:
                parameter.data = place(parameter.data)
        return Anatomy(self.module) if changed else self


def parts_of(module: nn.Module) -> Parts:
    """Modules and paths, as `named_modules` yields them, in a fraction of its time."""
    found: Parts = []
    _enter(module, "", found, set())
    return found


# A function within a function that calls itself would be in a cycle, and hold the modules until Python looks for those.
def _enter(part: nn.Module, path: str, found: Parts, seen: set[int]) -> None:
    seen.add(id(part))
    found.append((path, part))
    for name, child in part._modules.items():
        if child is not None and id(child) not in seen:
            _enter(child, f"{path}.{name}" if path else name, found, seen)
