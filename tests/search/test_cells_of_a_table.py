"""Cells of NAS-Bench-201: those that are called the same compute the same, and no others."""

import importlib
import itertools
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "experiments" / "search"
NUM = 6  # of the numbers that nodes hold
RNG = torch.Generator().manual_seed(0)
POOL = torch.rand(NUM, NUM, generator=RNG, dtype=torch.float64)


@pytest.fixture(scope="module")
def cells():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("cells")
    sys.path.remove(str(FOLDER))
    sys.modules.pop("cells")


def convolution(kind: str, number: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(100 * number + len(kind) + 7 * kind.count("3"))
    return torch.randn(NUM, NUM, generator=rng, dtype=torch.float64)


def computed(cell: dict[tuple[int, int], str], numbers: dict[tuple[int, int], int]) -> torch.Tensor:
    """The output of a cell whose convolutions have the weights of a number."""
    nodes = {0: torch.linspace(-1, 2, NUM, dtype=torch.float64)}
    for node in (1, 2, 3):
        nodes[node] = torch.zeros(NUM, dtype=torch.float64)
        for before in range(node):
            operation, given = cell[before, node], nodes[before]
            if operation == "skip_connect":
                nodes[node] = nodes[node] + given
            elif operation == "avg_pool_3x3":
                nodes[node] = nodes[node] + POOL @ given
            elif operation != "none" and given.abs().sum() > 0:
                weight = convolution(operation, numbers[before, node])
                nodes[node] = nodes[node] + weight @ (given / given.norm() + 0.3).tanh()
    return nodes[3]


def outputs(cell, edges) -> set[tuple[float, ...]]:
    """What a cell puts out, whatever its convolutions are numbered."""
    convolutions = [edge for edge in edges if cell[edge].startswith("nor_conv")]
    return {
        tuple(
            computed(cell, dict(zip(convolutions, order, strict=True))).round(decimals=6).tolist()
        )
        for order in itertools.permutations(range(len(convolutions)))
    }


def test_cells_are_the_same_if_and_only_if_they_compute_the_same(cells):
    rng = torch.Generator().manual_seed(1)
    groups = defaultdict(list)
    for operations in itertools.product(cells.OPERATIONS, repeat=len(cells.EDGES)):
        groups[cells._identity(operations)].append(operations)
    assert len(groups) == 4954
    names = [name for name in groups if name.count("nor_conv") <= 3]
    picked = [names[i] for i in torch.randperm(len(names), generator=rng)[:60].tolist()]
    seen: dict[tuple[float, ...], str] = {}
    for name in picked:
        alike = [dict(zip(cells.EDGES, o, strict=True)) for o in groups[name]]
        alike = [c for c in alike if sum(op.startswith("nor_conv") for op in c.values()) <= 4][:4]
        found = [outputs(cell, cells.EDGES) for cell in alike]
        for other in found[1:]:
            assert other & found[0], (name, alike)
        for output in set.union(*found, set()):
            assert seen.setdefault(output, name) == name


def test_twice_the_output_of_a_convolution_is_no_sum_of_two(cells):
    def cell(**given: str) -> dict[str, str]:
        return {f"{a}_{b}": "none" for a, b in cells.EDGES} | given

    once = cell(**{"0_1": "nor_conv_3x3", "1_3": "skip_connect"})
    twice = {**once, "1_2": "skip_connect", "2_3": "skip_connect"}
    two = {**once, "0_3": "nor_conv_3x3"}
    assert len({cells.identity(one) for one in (once, twice, two)}) == 3
    fed = cell(**{"0_1": "skip_connect", "0_2": "skip_connect", "2_3": "nor_conv_3x3"})
    fed_twice = {**fed, "1_2": "skip_connect"}  # which a batch norm takes back
    assert cells.identity(fed) == cells.identity(fed_twice)
    assert cells.identity(two) == cells.identity({**two, "0_2": "nor_conv_1x1"})  # which is dead
