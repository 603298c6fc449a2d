"""Mixture-of-experts models under the law of slices: a row a family, of those too that could not be built.

Where gates and values lie is told without hypernas: of the largest network, whose second layers read the first
inner channels only, by what has a gradient. Rows go to `experts.csv`; those that are there are kept.
"""

import contextlib
import csv
import signal
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from families import FEWER, HIDDEN, INPUTS, MORE, WIDTH, families, spaces_of
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from hypernas import SearchSpace, check, generators

RESULTS = Path(__file__).parent / "experts.csv"
FIELDS = [
    "family", "axes", "width", "number", "wrong", "layouts", "because", "seconds",
]  # fmt: skip
LIMIT = 200  # seconds a family
PAIRS = (
    ("gate_up_proj", "down_proj"),
    ("up_proj", "down_proj"),
    ("input_linear.weight", "output_linear.weight"),
)
ORDERS = {
    (*range(FEWER), *range(WIDTH, WIDTH + FEWER)): "concatenated",
    tuple(range(2 * FEWER)): "interleaved",
    tuple(range(FEWER)): "not gated",
}


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    hf.logging.set_verbosity_error()
    rows = {r["family"]: r for r in csv.DictReader(RESULTS.open())} if RESULTS.exists() else {}
    for family, kind in families():
        if family in rows and family not in sys.argv[1:]:
            continue
        started = time.perf_counter()
        try:
            with seconds_at_most(LIMIT):
                row = row_of(*spaces_of(family, kind))
        except Exception as error:
            row = {"width": "not built", "number": "not built", "because": words(error)}
        row |= {"family": family, "seconds": f"{time.perf_counter() - started:.1f}"}
        rows[family] = {key: str(row.get(key, "")) for key in FIELDS}
        print(rows[family], flush=True)
        with RESULTS.open("w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows[name] for name in sorted(rows))


@contextlib.contextmanager
def seconds_at_most(limit: int) -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"more than {limit} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(limit)
    try:
        yield
    finally:
        signal.alarm(0)


def words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"


def row_of(width: SearchSpace, number: SearchSpace) -> dict[str, Any]:
    """Verdicts on the width and on the number of experts, and whether gates and values are cut where they lie."""
    state, layouts, because = verdict(width)
    other, more, why = verdict(number)
    row = {
        "width": state,
        "number": other,
        "layouts": " ".join(f"{name}={text!r}" for name, text in {**layouts, **more}.items()),
        "because": because or why,
    }
    own = SearchSpace(width.choices, width.build, layouts, INPUTS)
    try:
        return row | dict(zip(("axes", "wrong"), axes_and_wrong(own), strict=True))
    except Exception as error:
        return row | {"axes": "not told", "because": row["because"] or words(error)}


def verdict(space: SearchSpace) -> tuple[str, Mapping[str, str], str]:
    """The worst verdict on a space, the layouts that were found, and the reason of what is undecided."""
    found = check(space)
    again = check(SearchSpace(space.choices, space.build, found.layouts, INPUTS)).verdicts
    doubts = [v.because for v in again if v.state != "holds"]
    if doubts:
        return "undecided", found.layouts, doubts[0]
    return "cured" if found.layouts else "holds", found.layouts, ""


def axes_and_wrong(space: SearchSpace) -> tuple[str, int]:
    """Axes of the parameters of gates and values in words, and in how many of them another part is cut."""
    (width,) = space.choices
    generator = generators.shared(space)
    rng = torch.Generator().manual_seed(0)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, std=0.2, generator=rng)
    architectures = space.largest(), space.largest_with(width, FEWER)
    large, small = ({n: t.detach() for n, t in generator(a).items()} for a in architectures)
    told, wrong = set(), 0
    for first, second in layers(large):
        axis = axis_of(large[first])
        positions = read_by(space, large, first, second)
        told.add(f"{named(large[first], axis)} {ORDERS.get(positions, 'in another order')}")
        wrong += tuple(places(small[first], large[first], axis)) != positions
    if not told:
        raise ValueError("no layer of experts in a parameter of 3 axes that is known by name")
    return "; ".join(sorted(told)), wrong


def layers(weights: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
    """First layers of experts, and the second ones that read their outputs."""
    for name, tensor in weights.items():
        for one, two in PAIRS:
            other = name.removesuffix(one) + two
            if (
                name.endswith(f".{one}")
                and tensor.ndim == 3
                and axis_of(tensor)
                and other in weights
            ):
                yield name, other


def axis_of(tensor: Tensor) -> int:
    """The axis of inner channels of a layer of experts; 0 if it has none."""
    return next((a for a in (1, 2) if tensor.shape[a] in (WIDTH, 2 * WIDTH)), 0)


def named(tensor: Tensor, axis: int) -> str:
    inner = "I" if tensor.shape[axis] == WIDTH else "2I"
    rest = {HIDDEN: "H"}.get(tensor.shape[3 - axis], str(tensor.shape[3 - axis]))
    return f"(E, {inner}, {rest})" if axis == 1 else f"(E, {rest}, {inner})"


def places(small: Tensor, large: Tensor, axis: int) -> Iterator[int]:
    """Where the entries of a small tensor along an axis are in a large one, whose entries are all different."""
    for part in small.unbind(axis):
        yield next(k for k, whole in enumerate(large.unbind(axis)) if torch.equal(part, whole))


def read_by(
    space: SearchSpace, large: Mapping[str, Tensor], first: str, second: str
) -> tuple[int, ...]:
    """Positions along the inner axis of a first layer that the first channels of the second depend on."""
    tensors = {name: tensor.clone() for name, tensor in large.items()}
    tensors[second].narrow(axis_of(tensors[second]), FEWER, WIDTH - FEWER).zero_()
    tensors[first].requires_grad_()
    module = space.build(space.largest()).eval()
    rest = [a for a in range(3) if a != axis_of(tensors[first])]
    for given in (INPUTS, {**INPUTS, "input_ids": MORE}):  # few words may reach no expert
        outputs = torch.func.functional_call(module, tensors, (), given)
        found = [t for t in tree_leaves(outputs) if isinstance(t, Tensor) and t.requires_grad]
        if found:
            (gradient,) = torch.autograd.grad(found[0].square().sum(), tensors[first])
            return tuple(gradient.abs().sum(rest).nonzero().flatten().tolist())
    raise ValueError(f"no example reaches an expert of {first}")


if __name__ == "__main__":
    main()
