"""Public models as search spaces: the law of slices, training, export, and a start from trained weights.

Needs `transformers` (5.24.0 in the results). One row a model is written as soon as it is there; rows that
are there already are kept.
"""

import csv
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from models import MODELS, Model
from torch import Tensor
from torch.utils._pytree import tree_leaves

from hypernas import SearchSpace, check, generators
from hypernas.exports import export_file
from hypernas.subnet.arguments import Arguments

RESULTS = Path(__file__).parent / "results.csv"
FIELDS = [
    "model", "choices", "parameters", "verdicts", "holds", "cured", "undecided", "because",
    "layouts", "seconds", "trains", "safetensors", "pt2", "onnx", "start",
]  # fmt: skip
STEPS = 20


def main() -> None:
    torch.set_num_threads(1)
    wanted = sys.argv[1:]
    rows = {row["model"]: row for row in csv.DictReader(RESULTS.open())} if RESULTS.exists() else {}
    for model in MODELS:
        if model.name in rows and model.name not in wanted:
            continue
        rows[model.name] = {key: str(value) for key, value in row_of(model).items()}
        print(rows[model.name], flush=True)
        with RESULTS.open("w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows[m.name] for m in MODELS if m.name in rows)


def row_of(model: Model) -> dict[str, Any]:
    space = SearchSpace(model.choices, model.build, inputs=model.inputs)
    started = time.perf_counter()
    found = check(space)
    seconds = time.perf_counter() - started
    cured = check(SearchSpace(space.choices, space.build, found.layouts, model.inputs))
    states = [verdict.state for verdict in cured.verdicts]
    doubts = [v.because for v in cured.verdicts if v.state != "holds"]
    own = SearchSpace(space.choices, space.build, found.layouts, model.inputs)
    row = {
        "model": model.name,
        "choices": " ".join(model.choices),
        "parameters": sum(p.numel() for p in space.build(space.largest()).parameters()),
        "verdicts": len(states),
        "holds": sum(v.state == "holds" for v in found.verdicts),
        "cured": states.count("holds") - sum(v.state == "holds" for v in found.verdicts),
        "undecided": len(doubts),
        "because": doubts[0] if doubts else "",
        "layouts": " ".join(f"{name}={text!r}" for name, text in found.layouts.items()),
        "seconds": f"{seconds:.1f}",
        "trains": attempt(lambda: trains(own, model.inputs)),
        "start": attempt(lambda: start(own, model.inputs)),
    }
    return row | {
        suffix.strip("."): attempt(lambda suffix=suffix: exports(own, model.inputs, suffix))
        for suffix in (".safetensors", ".pt2", ".onnx")
    }


def attempt(work: Callable[[], str]) -> str:
    """The result of some work, or the first words of its refusal."""
    try:
        return work()
    except Exception as error:
        first = re.sub(r"\S*/(net\.\w+)", r"\1", str(error).splitlines()[0])
        return f"{type(error).__name__}: {first[:160]}"


def tensors(outputs: Any) -> list[Tensor]:
    return [t for t in tree_leaves(outputs) if isinstance(t, Tensor) and t.is_floating_point()]


def trains(space: SearchSpace, inputs: Any) -> str:
    """The loss of the smallest subnet before and after some steps on all, to constant outputs."""
    torch.manual_seed(0)
    generator = generators.shared(space)
    optimizer = torch.optim.AdamW(generator.parameters(), lr=3e-3)
    rng = torch.Generator().manual_seed(0)
    given = Arguments.of(inputs)

    def loss(architecture: Any) -> Tensor:
        out = tensors(generator.call(architecture, *given.positional, **given.keywords))[0]
        return (out - 1).square().mean()

    before = float(loss(space.smallest()).detach())
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(space.sample(rng)).backward()
        optimizer.step()
    after = float(loss(space.smallest()).detach())
    return f"{before:.3g} to {after:.3g}"


def start(space: SearchSpace, inputs: Any) -> str:
    """How far the largest subnet of a generator that starts at a module is from that module."""
    torch.manual_seed(1)
    trained = space.build(space.largest()).eval()
    given = Arguments.of(inputs)
    apart = []
    for name in ("shared", "hypernas", "mos_layer"):
        generator = getattr(generators, name)(space, start=trained).eval()
        with torch.no_grad():
            pairs = zip(
                tensors(generator.call("largest", *given.positional, **given.keywords)),
                tensors(trained(*given.positional, **given.keywords)),
                strict=True,
            )
            apart.append(max(float((a - b).abs().max()) for a, b in pairs))
    return " ".join(f"{value:.1e}" for value in apart)


def exports(space: SearchSpace, inputs: Any, suffix: str) -> str:
    """How far an exported smallest subnet is from what `call` computes."""
    torch.manual_seed(0)
    generator = generators.hypernas(space).eval()
    with tempfile.TemporaryDirectory() as folder:
        found = export_file(generator, space.smallest(), f"{folder}/net{suffix}", inputs=inputs)
    return f"{found.difference:.1e}"


if __name__ == "__main__":
    main()
