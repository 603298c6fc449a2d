"""Accuracy of subnets in float32 and in static int8, per channel and calibrated, in onnxruntime.

The space and the images of `calibration.py`, 800 steps of the sandwich rule; 24 subnets, whose norms are calibrated on 2,048 images
before they are exported, are judged on 2,000 images of the validation split.
"""

import functools
import statistics
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from calibration import SIZES, batches, images
from onnxruntime.quantization import QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from verdicts import answer

from hypernas import generators
from hypernas.evaluation import kendall_tau
from hypernas.exports import export_file
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Sandwich
from hypernas.spaces import resnet
from hypernas.training import Strategy, Task, Training

STEPS, NUM, FEW, MANY = 800, 24, 8, 128


class Images:
    """Images to calibrate int8 with, eight at once."""

    def __init__(self, name: str, num: int) -> None:
        self._batches = iter([{name: x.numpy()} for x in batches(8, num // 8)])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)


def accuracy(path: Path) -> float:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x, y = images().validation.tensors
    (outputs,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    return float((np.asarray(outputs).argmax(1) == y.numpy()).mean())


@cache
def judged() -> list[dict[str, float]]:
    """Accuracy of each subnet in float32, and in int8 calibrated on few and on many images."""
    data = images()
    space = resnet(input_shape=data.input_shape, num_classes=data.num_classes, **SIZES)
    generator = generators.shared(space)
    strategy = Strategy(
        sampler=Sandwich(num_random=1),
        optimizer=functools.partial(torch.optim.AdamW, lr=0.005),
        seed=0,
    )
    Training(steps=STEPS, batch_size=64).run(generator, Task(data, CrossEntropy()), strategy)
    generator.eval()
    rng = torch.Generator().manual_seed(1)
    subnets = list({str(a): a for a in (space.sample(rng) for _ in range(200))}.values())[:NUM]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        whole, ready = Path(folder, "float.onnx"), Path(folder, "ready.onnx")
        for architecture in subnets:
            norms = generator.calibrate(architecture, batches(64, 32))
            example = batches(4, 1)[0]
            export_file(generator, architecture, whole, inputs=example, statistics=norms, overwrite=True)  # fmt: skip
            quant_pre_process(whole, ready, skip_symbolic_shape=True)
            row = {"float": accuracy(whole)}
            for num in (FEW, MANY):
                small = Path(folder, f"{num}.onnx")
                name = onnxruntime.InferenceSession(ready).get_inputs()[0].name
                reader: Any = Images(name, num)
                quantize_static(ready, small, reader, quant_format=QuantFormat.QDQ, per_channel=True)  # fmt: skip
                row[str(num)] = accuracy(small)
            found.append(row)
    return found


def column(name: str) -> list[float]:
    return [row[name] for row in judged()]


def ranks(first: str, second: str, least: float):
    def question():
        tau = kendall_tau(column(first), column(second))
        spread = 100 * statistics.stdev(column("float"))
        return tau >= least, f"tau {tau:.2f}; float32 spreads by {spread:.2f} points"

    return question


def lost():
    found: Sequence[float] = [100 * (r["float"] - r[str(MANY)]) for r in judged()]
    mean, most = statistics.mean(found), max(found)
    held = mean < 0.5 and most < 2
    return held, f"mean {mean:.2f} points, most {most:.2f}; float32 {100 * statistics.mean(column('float')):.1f} %"  # fmt: skip


if __name__ == "__main__":
    questions = {107: ranks("float", str(MANY), 0.9), 108: lost, 109: ranks(str(FEW), str(MANY), 0.8)}  # fmt: skip
    answer(questions, "torch onnxruntime")
