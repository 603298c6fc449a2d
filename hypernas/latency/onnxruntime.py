"""onnxruntime on a CPU."""

import tempfile
from contextlib import AbstractContextManager, nullcontext
from importlib import metadata
from pathlib import Path

import torch
from torch import nn

from hypernas.exports.format import ExportError, quiet
from hypernas.exports.onnx import ONNX, feeds
from hypernas.latency.backend import Backend, LatencyError, Run
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.batch import resized


class OnnxRuntime(Backend):
    """The graph that `hypernas export` writes for a subnet, in float32, under onnxruntime.

    Exporting takes some seconds a subnet, once, as results are kept.
    """

    name = "onnxruntime on cpu"

    def __init__(self) -> None:
        try:
            own = metadata.version("onnxruntime")
            self.version = f"{own}, torch {torch.__version__}"  # whose exporter writes the graph
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
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        several = resized(arguments, 2)  # torch.export takes a batch of one for a constant
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            path = Path(folder) / "subnet.onnx"
            outputs = module(*several.positional, **several.keywords)
            ONNX().write(module, several, outputs, path)
            with quiet():
                providers = ["CPUExecutionProvider"]
                session = onnxruntime.InferenceSession(path, options, providers=providers)
        given = feeds(arguments)
        read = {x.name: given[x.name] for x in session.get_inputs()}
        return lambda: session.run(None, read)

    def limited(self, threads: int) -> AbstractContextManager[None]:
        return nullcontext()  # which sessions were told
