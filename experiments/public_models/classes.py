"""The law of slices on every model class of transformers' auto mappings that a small configuration can build.

A process a class, at most 45 s of computing and 5 minutes by the clock each; a row a class and kind of choice (inner
width, heads; the outer width where there is no inner one) goes to `classes.csv` as soon as it is there, and rows that are
there are kept. One class of each model type comes first, its base class where it has one, in a random order; then all
others in a random order.
"""

import copy
import csv
import multiprocessing
import random
import resource
import signal
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from examples import MORE, examples
from sizes import overrides, settings
from torch import nn
from transformers.models.auto import modeling_auto
from witness import testimony

from hypernas import SearchSpace, generators
from hypernas.subnet.law import examine, few

RESULTS = Path(__file__).parent / "classes.csv"
FIELDS = [
    "class", "mapping", "type", "kind", "choice", "state", "parameters", "layouts", "because",
    "apart", "outside", "idle", "wrong", "seconds",
]  # fmt: skip
LIMIT, PATIENCE, MEMORY = 45, 300, 8 << 30  # seconds of computing and by the clock a class, bytes
WIDTHS = ("hidden_size", "d_model", "n_embd", "dim", "embed_dim", "embedding_size", "hidden_sizes")
LARGEST = 12_000_000  # parameters


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    hf.logging.set_verbosity_error()
    rows = list(csv.DictReader(RESULTS.open())) if RESULTS.exists() else []
    rows = [row for row in rows if row["class"] not in sys.argv[1:]]
    known = {row["class"] for row in rows}
    types = {kind: of for kind, _, of in classes()}
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "type": types[row["class"]]} for row in rows)
        for kind, mapping, of in ordered():
            if kind in known or (sys.argv[1:] and kind not in sys.argv[1:]):
                continue
            for row in looked_at(kind):
                full = {"class": kind, "mapping": mapping, "type": of, **row}
                writer.writerow({key: full.get(key, "") for key in FIELDS})
                file.flush()
                print(full, flush=True)


def ordered() -> list[tuple[str, str, str]]:
    """All classes: the first of each model type, then the others, so that those of a run that is stopped stand for all."""
    first, others, seen = [], [], set()
    for one in classes():
        (others if one[2] in seen else first).append(one)
        seen.add(one[2])
    random.Random(0).shuffle(first)
    random.Random(0).shuffle(others)
    return first + others


def classes() -> Iterator[tuple[str, str, str]]:
    """Names of model classes, each with the first mapping that has it and the model type there, base classes first."""
    seen = set()
    mappings = {k: v for k, v in vars(modeling_auto).items() if k.endswith("_MAPPING_NAMES")}
    for mapping, names in mappings.items():
        if mapping == "CONFIG_MAPPING_NAMES":
            continue
        for of, value in names.items():
            for kind in [value] if isinstance(value, str) else value:
                if kind not in seen:
                    seen.add(kind)
                    yield kind, mapping.removesuffix("_MAPPING_NAMES").removeprefix("MODEL_"), of


def looked_at(kind: str) -> list[dict[str, Any]]:
    """The rows of a class, made in a process of its own."""
    context = multiprocessing.get_context("fork")
    mine, other = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(kind, other))
    started = time.perf_counter()
    process.start()
    other.close()
    rows = []
    while (left := PATIENCE - (time.perf_counter() - started)) > 0 and mine.poll(left):
        try:
            rows.append(mine.recv())
        except EOFError:
            break
    else:
        rows.append({"state": "not built", "because": f"more than {PATIENCE} s by the clock"})
    process.kill()
    process.join()
    if process.exitcode == -signal.SIGXCPU:
        rows.append({"state": "not built", "because": f"more than {LIMIT} s"})
    if not rows:
        rows = [{"state": "not built", "because": f"the process ended with {process.exitcode}"}]
    return rows


def _report(kind: str, pipe: Any) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 5))
    try:
        for row in rows_of(kind):
            pipe.send(row)
    except Exception as error:
        pipe.send({"state": "not built", "because": words(error)})
    pipe.close()


def words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def rows_of(kind: str) -> Iterator[dict[str, Any]]:
    model = getattr(hf, kind, None)
    if model is None or not hasattr(model, "config_class"):
        raise ValueError(
            "not among the names of transformers, or without a class of configurations"
        )
    given, module, inputs = small(model)
    found = False
    for chosen in ("inner", "heads", "width"):
        if chosen == "width" and found:
            continue
        started = time.perf_counter()
        space = space_of(model, given, module, inputs, chosen)
        if space is None:
            continue
        found = True
        row = {"kind": chosen, "choice": ".".join(next(iter(space.choices)).split("__"))}
        row["parameters"] = _size(module)
        row |= verdict(space, module)
        yield row | {"seconds": f"{time.perf_counter() - started:.1f}"}
    if not found:
        raise ValueError("no setting of a known name changes a number of parameters")


def small(model: Any) -> tuple[dict[str, Any], nn.Module, dict[str, Any]]:
    """Small settings of a class, a module of them, and inputs that it takes.

    Raises:
        ValueError: with the last reason, if none of some settings give a small module that takes some inputs.
    """
    default = model.config_class()
    reasons = []
    for given in (overrides(default), overrides(default, widths=False), {}):
        try:
            with torch.device("meta"):
                size = _size(model(model.config_class(**copy.deepcopy(given))))
            if size > LARGEST:
                raise ValueError(f"{size:,} parameters under small settings")
            module = model(model.config_class(**copy.deepcopy(given))).eval()
        except Exception as error:
            reasons.append(words(error))
            continue
        try:
            return given, module, taken(module)
        except Exception as error:
            reasons.append(words(error))
    raise ValueError(f"no small model: {reasons[0]}")


def taken(module: nn.Module, **how: Any) -> dict[str, Any]:
    """The first example that a module takes."""
    reasons = ["no input of a known name"]
    for given in examples(module, **how):
        try:
            with torch.no_grad():
                module(**given)
            return given
        except Exception as error:
            reasons.append(f"on {', '.join(given)}: {words(error)}")
    raise ValueError(reasons[min(1, len(reasons) - 1)])


def space_of(
    model: Any, given: Mapping[str, Any], module: nn.Module, inputs: Any, kind: str
) -> SearchSpace | None:
    """The first setting of a kind that changes the number of parameters, as a choice of half and all."""
    for path, value in settings(module.config, kind):
        half = [v // 2 for v in value] if isinstance(value, list) else type(value)(value / 2)
        if not half or (isinstance(half, list) and not all(half)):
            continue
        name = "__".join(path)
        values = [half, value]
        if isinstance(
            value, list
        ):  # values of a choice that are no numbers are kinds, never put to the law
            values = [1, 2]
        build = partial(built, model, given, path, dict(zip(values, (half, value), strict=True)))
        try:
            with torch.device("meta"):
                sizes = [_size(build({name: v})) for v in values]
            if sizes[0] < sizes[1] == _size(module):
                build({name: values[0]}).eval()(**inputs)
                return SearchSpace({name: values}, build, "auto", inputs=inputs)
        except Exception:  # a setting that others have to follow
            continue
    return None


def built(
    model: Any,
    given: Mapping[str, Any],
    path: tuple[str, ...],
    meant: Mapping[Any, Any],
    architecture: Mapping[str, Any],
) -> nn.Module:
    """A model whose setting at a path through its configurations is the only choice's value."""
    own = copy.deepcopy(dict(given))
    inner = own
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    (value,) = architecture.values()
    inner[path[-1]] = copy.copy(meant[value])
    return model(model.config_class(**own))


def verdict(space: SearchSpace, module: nn.Module) -> dict[str, Any]:
    """What the law says, what a generator makes of it, and what the witness says to that."""
    found = examine(space, few(space))
    doubts = [v.because for v in found.verdicts if v.state == "undecided" or v.at_risk]
    row: dict[str, Any] = {
        "state": "undecided" if doubts else "cured" if found.layouts else "holds"
    }
    row |= {"because": doubts[0][:200] if doubts else ""}
    row["layouts"] = " ".join(f"{n}={text!r}" for n, text in found.layouts.items())
    try:
        generators.shared(space)
    except ValueError as error:
        return row | {"state": "refused", "because": words(error)}
    try:
        told = testimony(space, _plenty(module, space.inputs))
    except Exception as error:
        return row | {"wrong": "not told", "outside": words(error)}
    row |= {key: " ".join(told[key][:3]) for key in ("outside", "idle")}
    apart, wrong = told["apart"], told["wrong"]
    if wrong and next(iter(space.choices)).rpartition("__")[2] in WIDTHS:
        wrong = "not told"  # norms over the width count absent channels
    return row | {"apart": "" if apart is None else f"{apart:.1e}", "wrong": wrong}


def _plenty(module: nn.Module, inputs: Any) -> dict[str, Any]:
    """More examples than the law has seen, where the module takes them."""
    for given in examples(module, size=MORE):
        if list(given) == list(inputs):
            try:
                with torch.no_grad():
                    module(**given)
                return given
            except Exception:
                continue
    return inputs


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


if __name__ == "__main__":
    main()
