"""torch, as it is and compiled."""

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.latency.backend import LatencyError, Run, TranslatorBackend
from hypernas.latency.greedy import write
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.structure import map_tensors

# By default all subnets of a class count as recompilations of one, and run uncompiled after eight; older torch
# cannot tell them apart, and is given no limit.
_APART: dict[str, Any] = {
    name: True
    for name in ("isolate_recompiles",)
    if name in inspect.signature(torch.compile).parameters
}


class Torch(TranslatorBackend):
    """The module itself, called as it is or through `torch.compile`.

    Args:
        device: such as "cpu" or "cuda:0"; elsewhere than on a CPU a run lasts until the device is done.
        compiled: compile each subnet first, for its very shapes, which takes seconds to minutes.
    """

    def __init__(self, *, device: str = "cpu", compiled: bool = False) -> None:
        self.device, self.compiled = torch.device(device), compiled
        self.name = f"torch{' compiled' if compiled else ''} on {device}"
        self._torch = f"{torch.__version__}{', each subnet as a graph' if compiled else ''}"
        self.version = self._torch

    def check(self) -> None:
        try:
            torch.zeros(1, device=self.device)
        except Exception as error:  # torch raises many kinds of them, by device
            raise LatencyError(
                f"latencies under {self.name} cannot be measured here: torch finds no such device "
                f"({str(error).splitlines()[0]}). Take device=cpu, or measure where there is one."
            ) from error
        if self.device.type == "cuda":
            self.version = f"{self._torch}, {torch.cuda.get_device_name(self.device)}"

    def prepare(self, module: nn.Module, arguments: Arguments, *, threads: int) -> Run:
        own = module.to(self.device)
        call = torch.compile(own, dynamic=False, **_APART) if self.compiled else own
        given = map_tensors(lambda x: x.to(self.device), arguments)
        wait = self._wait

        @torch.inference_mode()
        def run() -> None:
            call(*given.positional, **given.keywords)
            if wait is not None:
                wait()

        with _unlimited():
            run()  # compiles
        return run

    def prepare_decoding(self, module: nn.Module, source: Tensor, *, num: int, threads: int) -> Run:
        if self.compiled:
            raise LatencyError(
                "decoding is not compiled, as each symbol reads more than the one before it: give compiled=false."
            )
        own, given, wait = module.to(self.device), source.to(self.device), self._wait

        @torch.inference_mode()
        def run() -> None:
            write(own, given, num)
            if wait is not None:
                wait()

        run()
        return run

    @property
    def _wait(self) -> Callable[[], None] | None:
        """Wait until the device is done; None where it is at once."""
        return {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(self.device.type)

    @contextlib.contextmanager
    def limited(self, threads: int) -> Iterator[None]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _unlimited() -> AbstractContextManager[None]:
    """A context in which nothing that is to be compiled runs as it is, however much was before."""
    import torch._dynamo.config

    return torch._dynamo.config.patch(
        recompile_limit=sys.maxsize,
        accumulated_recompile_limit=sys.maxsize,
        fail_on_recompile_limit_hit=True,
    )
