"""Latencies of 40 subnets of each of three spaces, and what ranks them.

python costly.py files FOLDER             ONNX files in float32 and static int8, on any machine
python costly.py times FOLDER SPACE       medians of turns on one thread, on an idle machine; rows of latencies.csv
python costly.py                          the verdicts
"""

import csv
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ready import drawn
from torch import Tensor
from verdicts import answer

from hypernas import Architecture, SearchSpace, generators
from hypernas.cost import flops, num_parameters
from hypernas.evaluation import kendall_tau
from hypernas.exports import export_file
from hypernas.latency import Rounds, Torch
from hypernas.latency.turns import measure
from hypernas.spaces import conv2d, mobilenet, vit
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.skeleton import build_seeded

TABLE = Path(__file__).parent / "latencies.csv"
NUM, LARGE = 40, 32
ROUNDS = Rounds(warmup=1, least=7, most=7, repeats=1, group=NUM)
SPACES: dict[str, Callable[[], SearchSpace]] = {
    "conv2d": lambda: conv2d(input_shape=(3, 24, 24), num_classes=10),
    "mobilenet": lambda: mobilenet(input_shape=(3, 24, 24), num_classes=10),
    "vit": lambda: vit(input_shape=(3, 24, 24), num_classes=10),
}
WAYS = ("eager_1", "onnx_1", "onnx_32", "int8_32")


def subnets(space: SearchSpace) -> list[Architecture]:
    rng = torch.Generator().manual_seed(0)
    return list({str(a): a for a in (space.sample(rng) for _ in range(10 * NUM))}.values())[:NUM]


class Images:
    """Four batches to calibrate with."""

    def __init__(self, name: str) -> None:
        rng = np.random.default_rng(0)
        self._batches = iter([{name: rng.standard_normal((8, 3, 24, 24), dtype=np.float32)} for _ in range(4)])  # fmt: skip

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)


def write_files(folder: Path) -> None:
    """Write what is not there yet."""
    import onnxruntime
    from onnxruntime.quantization import QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    for name, make in SPACES.items():
        generator = generators.shared(make()).eval()
        for i, architecture in enumerate(subnets(generator.space)):
            path = folder / f"{name}_{i}.onnx"
            small = path.with_suffix(".int8")
            if not path.exists():
                export_file(generator, architecture, path, inputs=drawn(4, 3, 24, 24))
            if small.exists():
                continue
            ready = path.with_suffix(".ready")
            quant_pre_process(path, ready, skip_symbolic_shape=True)
            session = onnxruntime.InferenceSession(ready, providers=["CPUExecutionProvider"])
            reader: Any = Images(session.get_inputs()[0].name)
            quantize_static(ready, small, reader, quant_format=QuantFormat.QDQ, per_channel=True)
            ready.unlink()


def session_run(path: Path, x: Tensor) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: x.numpy()}
    return lambda: session.run(None, given)


def time_subnets(folder: Path, name: str) -> None:
    """Measure the subnets of a space in turns, way by way, and put their rows into the table."""
    space = SPACES[name]()
    every = list(enumerate(subnets(space)))
    rows = [
        {"space": name, "subnet": i, "flops": flops(m := build_seeded(space, a).eval(), drawn(1, 3, 24, 24)), "parameters": num_parameters(m)}
        for i, a in every
    ]  # fmt: skip
    one, many = drawn(1, 3, 24, 24), drawn(LARGE, 3, 24, 24)
    backend = Torch()
    ready: dict[str, Callable[[int, Architecture], Callable[[], object]]] = {
        "eager_1": lambda _, a: backend.prepare(build_seeded(space, a).eval(), Arguments.of(one), threads=1),
        "onnx_1": lambda i, _: session_run(folder / f"{name}_{i}.onnx", one),
        "onnx_32": lambda i, _: session_run(folder / f"{name}_{i}.onnx", many),
        "int8_32": lambda i, _: session_run(folder / f"{name}_{i}.int8", many),
    }  # fmt: skip
    for way, make in ready.items():
        with backend.limited(1):
            found = measure({str(i): make(i, a) for i, a in every}, ROUNDS)
        for row in rows:
            row[way] = f"{found[str(row['subnet'])].median:.4f}"
    kept = [r for r in read() if r["space"] != name] if TABLE.exists() else []
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *rows])


def read() -> list[dict[str, str]]:
    return list(csv.DictReader(TABLE.open()))


def columns(*names: str) -> Iterator[tuple[str, list[list[float]]]]:
    """Space -> columns of its subnets."""
    for space in SPACES:
        rows = [row for row in read() if row["space"] == space]
        yield space, [[float(row[name]) for row in rows] for name in names]


def taus(first: str, second: str) -> dict[str, float]:
    return {space: kendall_tau(*pair) for space, pair in columns(first, second)}


def told(values: dict[str, float]) -> str:
    return ", ".join(f"{space} {value:.2f}" for space, value in values.items())


def ranks(first: str, second: str, least: float):
    def question():
        found = taus(first, second)
        return min(found.values()) >= least, told(found)

    return question


def parameters():
    own, other = taus("parameters", "onnx_32"), taus("flops", "onnx_32")
    held = all(own[space] < other[space] for space in own)
    return held, f"parameters: {told(own)}; FLOPs: {told(other)}"


def faster():
    ratios = {s: [b / a for a, b in zip(*pair, strict=True)] for s, pair in columns("onnx_32", "int8_32")}  # fmt: skip
    every = [r for own in ratios.values() for r in own]
    share = sum(r < 1 for r in every) / len(every)
    medians = {space: statistics.median(own) for space, own in ratios.items()}
    return share >= 0.9, f"{100 * share:.0f} % of {len(every)}; int8 over float32, median: {told(medians)}"  # fmt: skip


def wrong_search():
    """Of subnets under the median of latency, the largest, against the largest under the median of FLOPs that keeps it too."""
    lost = {}
    for space, (cost, work, size) in columns("onnx_32", "flops", "parameters"):
        limit, bound = statistics.median(cost), statistics.median(work)
        best = max(s for s, c in zip(size, cost, strict=True) if c <= limit)
        kept = [s for s, c, w in zip(size, cost, work, strict=True) if w <= bound and c <= limit]
        lost[space] = 1 - max(kept) / best
    return max(lost.values()) <= 0.1, "lost: " + told(lost)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["files"]:
        write_files(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["times"]:
        time_subnets(Path(sys.argv[2]), sys.argv[3])
    else:
        answer(
            {
                1: ranks("flops", "eager_1", 0.6), 2: ranks("flops", "onnx_32", 0.8), 3: parameters,
                4: ranks("eager_1", "onnx_1", 0.7), 5: ranks("onnx_1", "onnx_32", 0.8), 6: faster,
                7: ranks("onnx_32", "int8_32", 0.8), 9: wrong_search,
            },
            "torch onnxruntime",
        )  # fmt: skip
