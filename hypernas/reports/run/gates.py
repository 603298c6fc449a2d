"""Coefficients of a generator for many architectures, and how much they vary."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hypernas.cost import flops
from hypernas.generators import Generator, coefficients
from hypernas.generators.mode import evaluating
from hypernas.mixing import Coefficients
from hypernas.sampling import sample_subnets
from hypernas.subnet.subnet import Subnet

# Legend: A architectures, G entries of a group of coefficients.


@dataclass(frozen=True)
class Group:
    """Coefficients of one kind of the parameters that share them.

    Attributes:
        parameters: their names.
        kind: gates, output gains, input gains or offsets.
        values: shape (A, G); nan in rows of architectures without these parameters. Gates of neurons
            are averaged over them.
    """

    parameters: tuple[str, ...]
    kind: str
    values: np.ndarray

    @property
    def label(self) -> str:
        first = self.parameters[0]
        return first if len(self.parameters) == 1 else f"{first} +{len(self.parameters) - 1}"

    def spread(self) -> float:
        """Standard deviation over architectures, mean over the entries."""
        rows = self.values[~np.isnan(self.values).any(1)]
        return float(rows.std(0).mean()) if len(rows) else float("nan")


@dataclass(frozen=True)
class Gates:
    """The groups of a generator.

    Attributes:
        mflops: of each architecture, in order, shape (A,).
    """

    mflops: np.ndarray
    groups: tuple[Group, ...]

    def of(self, kind: str) -> list[Group]:
        return [group for group in self.groups if group.kind == kind]


_KINDS: dict[str, Callable[[Coefficients], Tensor | None]] = {
    "gates": lambda c: c.experts,
    "output gains": lambda c: c.gain_out,
    "input gains": lambda c: c.gain_in,
    "offsets": lambda c: c.offset,
}


@torch.no_grad()
def gates(generator: Generator, inputs: Any, *, num: int = 40, seed: int = 0) -> Gates:
    """The coefficients for the smallest, the largest and random architectures, by FLOPs.

    The entry of a base that is 1 for every architecture is left out.

    Args:
        inputs: of one example, by which FLOPs are counted.
        num: A, or all of a smaller space.
    """
    space = generator.space
    found = dict.fromkeys(sample_subnets(space, num - 2, seed=seed).values())
    condition = torch.zeros(generator.condition_dim) if generator.condition_dim else None
    subnets = {a: generator.subnet(a, condition) for a in found}
    cost = {a: flops(subnets[a].target.module, inputs) for a in found}
    architectures = sorted(found, key=lambda a: (cost[a], a.to_json()))
    with evaluating(generator):
        emitted = [coefficients(generator, subnets[a]) for a in architectures]
    mflops = np.array([cost[a] / 1e6 for a in architectures])
    groups = []
    for kind, part in _KINDS.items():
        for names in _sharing(emitted[-1], part):
            values = _values([subnets[a] for a in architectures], emitted, names, part)
            if kind == "gates":
                values = values[:, ~(np.nan_to_num(values, nan=1.0) == 1).all(0)]
            if values.shape[1]:
                groups.append(Group(names, kind, values))
    return Gates(mflops, tuple(groups))


def _sharing(
    coefficients: Mapping[str, Coefficients], part: Callable[[Coefficients], Tensor | None]
) -> list[tuple[str, ...]]:
    """The parameters, together where they have the very same coefficients."""
    groups: dict[int, list[str]] = {}
    for name, found in coefficients.items():
        if (tensor := part(found)) is not None:
            groups.setdefault(id(tensor), []).append(name)
    return [tuple(names) for names in groups.values()]


def _values(
    subnets: list[Subnet],
    emitted: list[dict[str, Coefficients]],
    names: tuple[str, ...],
    part: Callable[[Coefficients], Tensor | None],
) -> np.ndarray:  # shape: (A, G)
    rows: list[np.ndarray | None] = []
    for subnet, found in zip(subnets, emitted, strict=True):
        there = subnet.target.shapes
        tensor = part(found[names[0]]) if names[0] in found else None
        own = [name.partition("[")[0] for name in names]  # of a grown parameter each part has some
        if tensor is None or not any(name in there for name in own):
            rows.append(None)
        else:
            rows.append(tensor.double().cpu().reshape(-1, tensor.shape[-1]).mean(0).numpy())
    size = max(len(row) for row in rows if row is not None)
    blank = np.full(size, np.nan)
    return np.stack([blank if row is None else row for row in rows])
