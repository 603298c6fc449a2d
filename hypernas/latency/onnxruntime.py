"""onnxruntime on a CPU."""

import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.exports.format import ExportError, batch_axes, quiet
from hypernas.exports.onnx import ONNX, feeds
from hypernas.exports.passes import SHORTEST, passes
from hypernas.latency.backend import LatencyError, Run, TranslatorBackend
from hypernas.latency.greedy import write
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.batch import resized


class OnnxRuntime(TranslatorBackend):
    """The graph that `hypernas export` writes for a subnet, in float32, under onnxruntime.

    Exporting takes some seconds a subnet, once, as results are kept.
    """

    name = "onnxruntime on cpu"

    def __init__(self) -> None:
        try:
            own = metadata.version("onnxruntime")
            exporter = f"torch {torch.__version__}"
            self.version = f"{own}, {exporter}, idle threads at rest"
        except metadata.PackageNotFoundError:
            self.version = "none"

    def check(self) -> None:
        try:
            ONNX()
        except ExportError as error:
            raise LatencyError(
                f"latencies under {self.name} cannot be measured here: {error}"
            ) from error

    def prepare(self, module: nn.Module, arguments: Arguments, *, threads: int) -> Run:
        several = resized(arguments, 2)  # torch.export takes a batch of one for a constant
        with torch.no_grad():
            outputs = module(*several.positional, **several.keywords)
        session = _session(module, several, outputs, batch_axes(module, several), threads)
        given = feeds(arguments)
        read = {x.name: given[x.name] for x in session.get_inputs()}
        return lambda: session.run(None, read)

    def prepare_decoding(self, module: nn.Module, source: Tensor, *, num: int, threads: int) -> Run:
        both = passes(module, longest=max(num, source.shape[1], SHORTEST))
        sessions = _Sessions(
            *(_session(p.module, p.arguments, p.outputs, p.axes, threads) for p in both)
        )
        given = source.numpy()
        return lambda: write(sessions, given, num)

    def limited(self, threads: int) -> AbstractContextManager[None]:
        return nullcontext()  # which sessions were told


class _Sessions:
    """A translator of arrays: graphs of the encoder and the decoder step."""

    def __init__(self, encoder: Any, step: Any) -> None:
        self._encoder, self._step = encoder, step
        self._names = [x.name for x in step.get_inputs()]

    def start(self, source: Any) -> list[Any]:
        return self._encoder.run(None, {"source": source})

    def advance(self, symbols: Any, *state: Any) -> list[Any]:
        return self._step.run(None, dict(zip(self._names, [symbols, *state], strict=True)))


def _session(
    module: nn.Module, arguments: Arguments, outputs: Any, axes: Mapping[str, Any], threads: int
) -> Any:
    """A graph that is written and read again."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        path = Path(folder) / "subnet.onnx"
        ONNX().export(module, arguments, outputs, path, axes)
        with quiet():
            providers = ["CPUExecutionProvider"]
            return onnxruntime.InferenceSession(path, session_options(threads), providers=providers)


def session_options(threads: int) -> Any:
    """Options of a session that computes on some threads, and leaves the processor to others between its runs.

    By default the threads of a session spin for a while after each run. Where subnets take turns, they then
    compete with the subnet whose turn it is: on two threads latencies were three to seven times too long.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options
