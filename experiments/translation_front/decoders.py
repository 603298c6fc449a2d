"""Translators as graphs, and how long each takes to write a sentence.

Weights are fresh ones: their values do not change how long decoding takes.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import onnxruntime
import setting
import torch

from hypernas.exports.onnx import ONNX
from hypernas.exports.passes import passes
from hypernas.exports.translator import PARTS
from hypernas.latency import Rounds, Torch
from hypernas.latency.greedy import write
from hypernas.latency.machine import Load, processor
from hypernas.latency.turns import measure
from hypernas.space import Architecture
from hypernas.subnet.skeleton import build_seeded

READ, WRITTEN = 10, 12  # symbols of a source, and of what is written of its target
PASSES = ("onnxruntime", "torch", "onnxruntime again")


def export(sample: Mapping[str, Architecture], folder: Path, *, processes: int) -> None:
    """Write the graphs of the encoder and the decoder step that are missing, as `hypernas export` writes them."""
    missing = [label for label in sample if not (folder / label / f"{PARTS[1]}.onnx").exists()]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        done = pool.map(
            partial(_export, folder), missing, [sample[label].to_json() for label in missing]
        )
        for i, label in enumerate(done):
            print(f"{i + 1}/{len(missing)} {label}", flush=True)


def _export(folder: Path, label: str, architecture: str) -> str:
    torch.set_num_threads(1)
    space = setting.space()
    module = build_seeded(space, Architecture.from_json(architecture)).eval()
    place = folder / label
    place.mkdir(parents=True, exist_ok=True)
    for part, own in zip(PARTS, passes(module, longest=setting.LENGTH), strict=True):
        aside = place / f"{part}.part.onnx"
        with torch.no_grad():
            ONNX().export(own.module, own.arguments, own.outputs, aside, own.axes)
        aside.rename(place / f"{part}.onnx")
    return label


class Graphs:
    """The two graphs of a translator under onnxruntime, with one thread."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._encoder, self._step = (
            onnxruntime.InferenceSession(
                folder / f"{part}.onnx", options, providers=["CPUExecutionProvider"]
            )
            for part in PARTS
        )
        self._names = [given.name for given in self._step.get_inputs()]

    def start(self, source: Any) -> list[Any]:
        return self._encoder.run(None, {"source": source})

    def advance(self, symbols: Any, *state: Any) -> list[Any]:
        return self._step.run(None, dict(zip(self._names, [symbols, *state], strict=True)))


def latencies(
    sample: Mapping[str, Architecture], folder: Path, *, seconds: float
) -> Iterator[dict[str, Any]]:
    """Rows: the median time of a sentence of each of the sample in ms, of one pass after the other; all take turns."""
    space, watch = setting.space(), Load()
    source = torch.randint(
        4, setting.VOCABULARY, (1, READ), generator=torch.Generator().manual_seed(0)
    )
    rounds = Rounds(least=7, most=200, width=0.01, apart=0.01, seconds=seconds)
    for name in PASSES:
        torch_run = partial(Torch().prepare_decoding, source=source, num=WRITTEN, threads=1)
        runs = {
            label: torch_run(build_seeded(space, architecture).eval())
            if name == "torch"
            else partial(write, Graphs(folder / label), source.numpy(), WRITTEN)
            for label, architecture in sample.items()
        }
        watch.start()
        timings = measure(runs, rounds)
        others = watch.others()
        for label, timing in timings.items():
            yield {
                "pass": name,
                "subnet": label,
                "architecture": sample[label].to_json(),
                "median": round(timing.median, 5),
                "low": round(timing.low, 5),
                "high": round(timing.high, 5),
                "rounds": timing.rounds,
                "others": round(others, 3),
                "processor": processor(),
            }
        print(
            f"{name}: {next(iter(timings.values())).rounds} rounds, others kept {others:.2f} cores busy",
            flush=True,
        )
