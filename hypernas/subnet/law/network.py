"""A network on given weights, watched module by module."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from hypernas.subnet.arguments import Arguments
from hypernas.subnet.law.inputs import copied
from hypernas.subnet.law.scalars import Noting, Place, Scalars
from hypernas.subnet.law.trial import undisturbed
from hypernas.subnet.law.weights import drawn
from hypernas.subnet.target import Target

Before = Callable[[str, int, nn.Module, Arguments], None]
After = Callable[[str, int, nn.Module, Arguments, Any], Any]


class Network:
    """The skeleton of an architecture, in evaluation mode, and how it is run under watch.

    Attributes:
        names: every module -> its first path.
        layers: paths of modules that own parameters -> their names in it.
        leaves: those that call no other layer, whose calls are looked at one by one.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module.eval()
        self.target = Target(module)
        self.names = {part: path for path, part in module.named_modules()}
        self.layers = {path: own for path, part in module.named_modules() if (own := _own(part))}
        self.leaves = {
            path
            for path, own in self.layers.items()
            if len(own) == len(list(module.get_submodule(path).parameters()))
        }
        self._paths: list[Place] = []
        self._times: dict[str, int] = {}
        self._noting: Noting | None = None

    def parameters_of(self, path: str) -> list[str]:
        """The names of the parameters that a layer computes with."""
        start = f"{path}." if path else ""
        return [start + leaf for leaf in self.layers[path]]

    def run(
        self,
        weights: Mapping[str, Tensor],
        arguments: Arguments,
        *,
        buffers: Mapping[str, Tensor],
        scalars: Scalars,
        follow: bool,
        before: Before,
        after: After,
    ) -> Any:
        """The output on some weights; every call of a module is told before and after.

        Args:
            before, after: told the path, which of its calls it is, the module and the arguments; `after`
                also the output, and what it returns takes the output's place unless it is None.
            follow: take over the scalars, instead of noting them.
        """
        self._paths, self._times = [("", 0)], {}
        noting = self._noting = Noting(scalars, lambda: self._paths[-1], follow=follow)
        with contextlib.ExitStack() as stack:
            stack.enter_context(undisturbed())
            for handle in self._watched(before, after):
                stack.callback(handle.remove)
            stack.enter_context(noting)
            return self.target.run(weights, arguments, buffers=buffers)

    def refusal(self, arguments: Arguments) -> Exception | None:
        """The error that the network raises on inputs by itself, unwatched; None where it takes them."""
        weights = {name: drawn(name, s) for name, s in self.target.shapes.items()}
        weights |= {name: p.detach() for name, p in self.target.fixed.parameters.items()}
        buffers = {name: buffer.clone() for name, buffer in self.module.named_buffers()}
        try:
            with undisturbed():
                self.target.run(weights, copied(arguments), buffers=buffers)
        except Exception as error:  # whatever the user's module raises
            return error
        return None

    def _watched(self, before: Before, after: After) -> Iterator[Any]:
        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            path = self.names[module]
            time = self._times.get(path, 0)
            self._times[path] = time + 1
            before(path, time, module, Arguments(args, kwargs))
            self._paths.append((path, time))

        def leave(module: nn.Module, args: Any, kwargs: Any, outputs: Any) -> Any:
            self._paths.pop()
            path = self.names[module]
            return after(path, self._times[path] - 1, module, Arguments(args, kwargs), outputs)

        for module in self.names:
            yield module.register_forward_pre_hook(enter, with_kwargs=True)
            yield module.register_forward_hook(leave, with_kwargs=True)

    @contextlib.contextmanager
    def trial(self, path: str, time: int) -> Iterator[None]:
        """Within, a call of a module is tried before it is made: nothing is told of it."""
        kept = [(m, m._forward_hooks, m._forward_pre_hooks) for m in self.names]
        self._paths.append((path, time))
        try:
            for module, hooks, pre in kept:
                module._forward_hooks, module._forward_pre_hooks = type(hooks)(), type(pre)()
            yield
        finally:
            for module, hooks, pre in kept:
                module._forward_hooks, module._forward_pre_hooks = hooks, pre
            self._paths.pop()
            if self._noting is not None:
                self._noting.forget(path)


def _own(module: nn.Module) -> list[str]:
    """Parameters that a module computes with: its own, those behind its parametrizations, and those of
    children that stay idle as they are read from here, as `nn.MultiheadAttention` does."""
    found = [name for name, p in module._parameters.items() if p is not None]
    parametrized = module._modules.get("parametrizations")
    if parametrized is not None:
        found += [f"parametrizations.{name}" for name, _ in parametrized.named_parameters()]
    if isinstance(module, nn.MultiheadAttention):
        found += [f"out_proj.{name}" for name, _ in module.out_proj.named_parameters()]
    return found
