"""Latencies of 40 subnets of each of three spaces, and what ranks them.

python costly.py files FOLDER               ONNX files in float32 and static int8, on any machine
python costly.py times FOLDER SPACE [WAY]   medians of turns, on an idle machine; rows of latencies.csv, or one column of them
python costly.py                            the verdicts
"""

import csv
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ready import drawn
from torch import Tensor
from verdicts import answer

from hypernas import Architecture, SearchSpace, generators
from hypernas.cost import flops, num_parameters, peak_memory
from hypernas.evaluation import kendall_tau
from hypernas.exports import export_file
from hypernas.latency import Rounds, Torch
from hypernas.latency.onnxruntime import session_options
from hypernas.latency.turns import measure
from hypernas.spaces import conv2d, mobilenet, vit
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.skeleton import build_seeded

TABLE = Path(__file__).parent / "latencies.csv"
NUM, COMPILED = 40, 12
ROUNDS = Rounds(warmup=1, least=7, most=7, repeats=1, group=NUM)
SPACES: dict[str, Callable[[], SearchSpace]] = {
    "conv2d": lambda: conv2d(input_shape=(3, 24, 24), num_classes=10),
    "mobilenet": lambda: mobilenet(input_shape=(3, 24, 24), num_classes=10),
    "vit": lambda: vit(input_shape=(3, 24, 24), num_classes=10),
}
# Engine, batch size, and "two" for two threads in place of one; int8 has signed activations, the default, uint8 unsigned ones.
WAYS = (
    "eager_1", "eager_8", "eager_32", "compiled_1", "onnx_1", "onnx_8", "onnx_32", "onnx_32_two", "int8_1", "int8_32", "uint8_1", "uint8_32",
)  # fmt: skip


def subnets(space: SearchSpace) -> list[Architecture]:
    rng = torch.Generator().manual_seed(0)
    return list({str(a): a for a in (space.sample(rng) for _ in range(10 * NUM))}.values())[:NUM]


class Images:
    """Four batches to calibrate with."""

    def __init__(self, name: str) -> None:
        rng = np.random.default_rng(0)
        drawn = [rng.standard_normal((8, 3, 24, 24), dtype=np.float32) for _ in range(4)]
        self._batches = iter([{name: x} for x in drawn])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)


def write_files(folder: Path) -> None:
    """Write what is not there yet."""
    import onnxruntime
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    for name, make in SPACES.items():
        generator = generators.shared(make()).eval()
        for i, architecture in enumerate(subnets(generator.space)):
            path = folder / f"{name}_{i}.onnx"
            if not path.exists():
                export_file(generator, architecture, path, inputs=drawn(4, 3, 24, 24))
            kinds = {".int8": QuantType.QInt8, ".uint8": QuantType.QUInt8}  # of activations
            for suffix, kind in kinds.items():
                if (small := path.with_suffix(suffix)).exists():
                    continue
                ready = path.with_suffix(".ready")
                quant_pre_process(path, ready, skip_symbolic_shape=True)
                session = onnxruntime.InferenceSession(ready, providers=["CPUExecutionProvider"])
                reader: Any = Images(session.get_inputs()[0].name)
                quantize_static(ready, small, reader, quant_format=QuantFormat.QDQ, per_channel=True, activation_type=kind)  # fmt: skip
                ready.unlink()


def session_run(path: Path, x: Tensor, *, threads: int = 1) -> Callable[[], object]:
    import onnxruntime

    options, providers = session_options(threads), ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(path, options, providers=providers)
    given = {session.get_inputs()[0].name: x.numpy()}
    return lambda: session.run(None, given)


def prepared(folder: Path, name: str, way: str, i: int, a: Architecture) -> Callable[[], object]:
    """A run of a subnet in one of the ways, ready to be timed."""
    engine, size, *two = way.split("_")
    x = drawn(int(size), 3, 24, 24)
    if engine in ("onnx", "int8", "uint8"):
        return session_run(folder / f"{name}_{i}.{engine}", x, threads=2 if two else 1)
    module = build_seeded(SPACES[name](), a).eval()
    return Torch(compiled=engine == "compiled").prepare(module, Arguments.of(x), threads=1)


def time_subnets(folder: Path, name: str, ways: Sequence[str]) -> None:
    """Measure the subnets of a space in turns, way by way, and put their rows into the table."""
    space = SPACES[name]()
    every = list(enumerate(subnets(space)))
    rows: list[dict[str, Any]] = []
    for i, a in every:
        module, x = build_seeded(space, a).eval(), drawn(1, 3, 24, 24)
        costs = {"flops": flops(module, x), "memory": peak_memory(module, x), "parameters": num_parameters(module)}  # fmt: skip
        rows.append({"space": name, "subnet": i, **costs})
    known = {row["subnet"]: row for row in read() if row["space"] == name}
    rows = [{**dict.fromkeys(WAYS, ""), **known.get(str(row["subnet"]), {}), **row} for row in rows]
    for way in ways:
        measured = every[:COMPILED] if way.startswith("compiled") else every
        with Torch().limited(1):
            found = measure({str(i): prepared(folder, name, way, i, a) for i, a in measured}, ROUNDS)  # fmt: skip
        for row in rows:
            timing = found.get(str(row["subnet"]))
            row[way] = f"{timing.median:.4f}" if timing else ""
        print(name, way, sum(t.median for t in found.values()), flush=True)
    kept = [r for r in read() if r["space"] != name]
    with TABLE.open("w", newline="") as file:
        fields = ["space", "subnet", "flops", "memory", "parameters", *WAYS]
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *rows])


def read() -> list[dict[str, str]]:
    return list(csv.DictReader(TABLE.open())) if TABLE.exists() else []


def columns(*names: str) -> Iterator[tuple[str, list[list[float]]]]:
    """Space -> columns of its subnets, of those with a number in each."""
    for space in SPACES:
        rows = [r for r in read() if r["space"] == space and all(r[name] for name in names)]
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


def worse(stand_in: str):
    """A smaller tau than that of FLOPs with the latency of 32 examples."""

    def question():
        own, other = taus(stand_in, "onnx_32"), taus("flops", "onnx_32")
        held = all(own[space] < other[space] for space in own)
        return held, f"{stand_in}: {told(own)}; FLOPs: {told(other)}"

    return question


def ratios(first: str, second: str) -> dict[str, list[float]]:
    """Space -> second over first, subnet by subnet."""
    return {s: [b / a for a, b in zip(*pair, strict=True)] for s, pair in columns(first, second)}


def share_below_one(values: dict[str, list[float]]) -> float:
    every = [r for own in values.values() for r in own]
    return sum(r < 1 for r in every) / len(every)


def medians(values: dict[str, list[float]]) -> dict[str, float]:
    return {space: statistics.median(own) for space, own in values.items()}


def faster(first: str, second: str):
    def question():
        found = ratios(first, second)
        share = share_below_one(found)
        figure = f"{100 * share:.0f} % of {sum(map(len, found.values()))}; {second} over {first}, median: "
        return share >= 0.9, figure + told(medians(found))

    return question


def two_threads():
    found = medians(ratios("onnx_32_two", "onnx_32"))
    return min(found.values()) >= 1.5, f"speed-up: {told(found)}"


def small_batches():
    one, many = ratios("onnx_1", "int8_1"), ratios("onnx_32", "int8_32")
    own, other = share_below_one(one), share_below_one(many)
    figure = f"{100 * own:.0f} % at batch 1, {100 * other:.0f} % at 32; int8 over float32 at batch 1, median: "
    return own < other, figure + told(medians(one))


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
        time_subnets(Path(sys.argv[2]), sys.argv[3], sys.argv[4:] or WAYS)
    else:
        answer(
            {
                1: ranks("flops", "eager_1", 0.6), 2: ranks("flops", "onnx_32", 0.8), 3: worse("parameters"),
                4: ranks("eager_1", "onnx_1", 0.7), 5: ranks("onnx_1", "onnx_32", 0.8), 6: faster("onnx_32", "int8_32"),
                7: ranks("onnx_32", "int8_32", 0.8), 9: wrong_search, 99: ranks("eager_1", "eager_32", 0.7),
                100: two_threads, 101: ranks("onnx_32", "onnx_32_two", 0.9), 102: worse("memory"), 103: small_batches,
                104: faster("eager_1", "compiled_1"), 105: ranks("eager_1", "compiled_1", 0.5),
                106: ranks("compiled_1", "onnx_1", 0.7),
            },
            "torch onnxruntime",
        )  # fmt: skip
