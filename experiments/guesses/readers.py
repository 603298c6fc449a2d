"""Exports of the ready-made spaces, read by others."""

import tempfile
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from ready import SPACES
from verdicts import answer, words

from hypernas import generators
from hypernas.exports import export_file

FAR = 1e-4
Read = Callable[[str, list[np.ndarray]], np.ndarray]


def reference(path: str, inputs: list[np.ndarray]) -> np.ndarray:
    from onnx.reference import ReferenceEvaluator

    program = ReferenceEvaluator(path)
    names = program.input_names
    return program.run(None, dict(zip(names, inputs, strict=True)))[0]


def openvino(path: str, inputs: list[np.ndarray]) -> np.ndarray:
    import openvino as ov

    compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return next(iter(compiled(inputs).values()))


@cache
def exported(name: str) -> tuple[Any, str]:
    """A generator of a ready-made space, and the file of its smallest subnet."""
    make, inputs = SPACES[name]
    generator = generators.shared(make()).eval()
    path = f"{tempfile.mkdtemp()}/net.onnx"
    export_file(generator, generator.space.smallest(), path, inputs=inputs)
    return generator, path


def read_by(read: Read, *, again: int = 0):
    """How far what another program computes is from a generator's call, for each ready-made space.

    Args:
        again: examples that are added to those that were exported with.
    """

    def question():
        told, held = [], True
        for name, (_, inputs) in SPACES.items():
            try:
                generator, path = exported(name)
                given = [torch.cat([x, x[:again]]) for x in inputs]
                with torch.no_grad():
                    own = generator.call("smallest", *given).numpy()
                far = float(np.abs(read(path, [x.numpy() for x in given]) - own).max())
                told.append(f"{name} {far:.0e}")
                held &= far <= FAR
            except Exception as error:
                told.append(f"{name} {words(error, 90)}")
                held = False
        return held, ", ".join(told)

    return question


def dynamic_int8():
    """Shares of weights that onnxruntime's dynamic quantization has made int8, of the subnets of ready-made spaces."""
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    told, held = [], True
    for name in SPACES:
        _, path = exported(name)
        quantize_dynamic(path, f"{path}.int8")
        sizes = {True: 0, False: 0}
        for tensor in onnx.load(f"{path}.int8").graph.initializer:
            array = onnx.numpy_helper.to_array(tensor)
            if array.ndim >= 2 and array.dtype in (np.float32, np.int8, np.uint8):
                sizes[array.dtype != np.float32] += array.size
        share = sizes[True] / max(1, sum(sizes.values()))
        told.append(f"{name} {100 * share:.0f} %")
        held &= share >= 0.95 or name not in ("vit", "mlp")
    return held, ", ".join(told)


def halves():
    """A subnet in bfloat16 in onnxruntime."""
    make, inputs = SPACES["mlp"]
    generator = generators.shared(make()).eval().bfloat16()
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = export_file(
                generator,
                generator.space.smallest(),
                f"{folder}/net.onnx",
                inputs=inputs[0].bfloat16(),
            )
        except Exception as error:
            return "onnxruntime" in words(error).lower(), words(error)
        return False, f"exported, apart by {found.difference:.1e}"


if __name__ == "__main__":
    answer(
        {
            8: dynamic_int8,
            25: read_by(reference),
            26: read_by(openvino),
            27: read_by(openvino, again=3),
            28: halves,
        },
        "torch onnx onnxruntime openvino",
    )
