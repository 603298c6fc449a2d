"""Exported subnets of the ready-made spaces in six more engines.

Each runs in a process of its own, as what one engine does to a process is not the next one's affair.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from readers import exported
from ready import SPACES
from torch import Tensor
from verdicts import answer, words

Run = Callable[[Sequence[Tensor]], np.ndarray]
FIRST = ("tinygrad", "mnn", "ncnn", "executorch")
SECONDS = 300


def tinygrad(name: str) -> Run:
    from tinygrad import Tensor as Own
    from tinygrad.nn.onnx import OnnxRunner

    def run(inputs: Sequence[Tensor]) -> np.ndarray:
        runner = OnnxRunner(exported(name)[1])  # which keeps the shapes that it met first
        given = {n: Own(x.numpy()) for n, x in zip(runner.graph_inputs, inputs, strict=True)}
        return next(iter(runner(given).values())).numpy()

    return run


def mnn(name: str) -> Run:
    import MNN
    import MNN.expr as expr
    import onnx

    path = exported(name)[1]
    made = f"{path}.mnn"
    command = ["-f", "ONNX", "--modelFile", path, "--MNNModel", made, "--bizCode", "hypernas"]
    subprocess.run([sys.executable, "-m", "MNN.tools.mnnconvert", *command], capture_output=True)
    graph = onnx.load(path).graph
    ends = [[value.name for value in values] for values in (graph.input, graph.output)]
    net = MNN.nn.load_module_from_file(made, *ends)

    def run(inputs: Sequence[Tensor]) -> np.ndarray:
        given = []
        for x in inputs:
            kind = expr.int if x.dtype == torch.int64 else expr.float
            array = x.numpy().astype(np.int32) if kind == expr.int else x.numpy()
            given.append(expr.const(array, list(x.shape), expr.NCHW, kind))
        return np.array(expr.convert(net.forward(given)[0], expr.NCHW).read())

    return run


def ncnn(name: str) -> Run:
    import ncnn as own
    import pnnx

    os.chdir(tempfile.mkdtemp())
    pnnx.export(exported(name)[0].export("smallest"), "net.pt", tuple(SPACES[name][1]))
    net = own.Net()
    net.load_param("net.ncnn.param")
    net.load_model("net.ncnn.bin")

    def run(inputs: Sequence[Tensor]) -> np.ndarray:
        """Outputs of one example after the other, as there is no axis of a batch."""
        found = []
        for i in range(len(inputs[0])):
            extractor = net.create_extractor()
            for k, x in enumerate(inputs):
                array = x[i].numpy()
                array = array.astype(np.int32) if x.dtype == torch.int64 else array
                extractor.input(f"in{k}", own.Mat(array).clone())
            found.append(np.array(extractor.extract("out0")[1]))
        return np.stack(found)

    return run


def executorch(name: str) -> Run:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.runtime import Runtime

    inputs = SPACES[name][1]
    batch = torch.export.Dim("batch", min=1, max=64)
    axes = tuple({0: batch} for _ in inputs)
    module = exported(name)[0].export("smallest")
    program = torch.export.export(module, tuple(inputs), dynamic_shapes=axes)
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    loaded = Runtime.get().load_program(lowered.to_executorch().buffer)

    def run(given: Sequence[Tensor]) -> np.ndarray:
        method = loaded.load_method("forward")  # which does not keep the program
        assert method is not None
        return method.execute(list(given))[0].numpy()

    return run


def tvm(name: str) -> Run:
    import onnx
    import tvm as own
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx

    module = from_onnx(onnx.load(exported(name)[1]), keep_params_in_input=False)
    machine = relax.VirtualMachine(own.compile(module, target="llvm"), own.cpu())

    def run(inputs: Sequence[Tensor]) -> np.ndarray:
        found = machine["main"](*[own.runtime.tensor(x.numpy()) for x in inputs])
        return (found if hasattr(found, "numpy") else found[0]).numpy()

    return run


def litert(name: str) -> Run:
    import litert_torch

    made = litert_torch.convert(exported(name)[0].export("smallest"), tuple(SPACES[name][1]))
    return lambda inputs: np.asarray(made(*inputs))


def distances(engine: str, name: str) -> str:
    """How far an engine is from a generator's call on the examples that were exported with, and on one more."""
    generator, _ = exported(name)
    run = globals()[engine](name)
    told = []
    for again in (0, 1):
        given = [torch.cat([x, x[:again]]) for x in SPACES[name][1]]
        with torch.no_grad():
            own = generator.call("smallest", *given).numpy()
        try:
            told.append(f"{np.abs(run(given).reshape(own.shape) - own).max():.0e}")
        except Exception as error:
            told.append(words(error, 90))
    return "|".join(told)


@cache
def computed(engine: str, name: str) -> tuple[str, str]:
    """What a process of its own tells of an engine and a space."""
    command = [sys.executable, __file__, "one", engine, name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "longer than 300 s", ""
    last = [line for line in done.stdout.splitlines() if line.startswith("told ")]
    if not last:
        lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        return lines[-1][:120], ""
    once, _, again = last[-1].removeprefix("told ").partition("|")
    return once, again


def near(told: str, limit: float) -> bool:
    try:
        return float(told) <= limit
    except ValueError:
        return False


def read_by(engine: str, least: int, limit: float) -> Any:
    def question() -> tuple[bool, str]:
        found = {name: computed(engine, name)[0] for name in SPACES}
        held = sum(near(told, limit) for told in found.values()) >= least
        return held, ", ".join(f"{name} {told}" for name, told in found.items())

    return question


def other_batches(engines: Sequence[str], *, fixed: str) -> Any:
    """Guess that all but `fixed` take other batches for what they compute, and that one none."""

    def question() -> tuple[bool, str]:
        share = {}
        for engine in engines:
            every = [computed(engine, name) for name in SPACES]
            able = [again for once, again in every if near(once, 1e-3)]
            share[engine] = sum(near(again, 1e-3) for again in able), len(able)
        held = all(good == (0 if engine == fixed else num) for engine, (good, num) in share.items())
        return held, ", ".join(f"{engine} {good} of {num}" for engine, (good, num) in share.items())

    return question


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        torch.set_num_threads(1)
        print("told", distances(sys.argv[2], sys.argv[3]))
    else:
        questions = {
            110: read_by("tinygrad", 8, 1e-4), 111: read_by("mnn", 7, 1e-4), 112: read_by("ncnn", 5, 1e-3),
            113: read_by("executorch", 8, 1e-4), 114: other_batches(FIRST, fixed="ncnn"),
        }  # fmt: skip
        answer(questions, "torch tinygrad MNN ncnn pnnx executorch torchao")
        questions = {115: read_by("tvm", 6, 1e-4), 116: other_batches(["tvm"], fixed="")}
        answer(questions, "torch apache-tvm")
        questions = {
            117: read_by("litert", 7, 1e-4),
            118: other_batches(["litert"], fixed="litert"),
        }
        answer(questions, "torch litert-torch ai-edge-litert")
