"""Locally free channels: a width is its base channels, and a choice of those near its boundary."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hypernas.generators.selection.channels import Channels
from hypernas.generators.selection.slicer import Slicer
from hypernas.slicing import Axis, Slice
from hypernas.subnet.subnet import Slices, Subnet
from hypernas.subnet.supernet import Supernet


class Zone(NamedTuple):
    """Zone of the free channels of one width of one group of channels.

    Attributes:
        row: of `FreeChannels.chosen`.
        start: the first channel of the zone; those before it are the base.
        size: channels in the zone.
        num: how many of them belong to the width.
    """

    row: int
    start: int
    size: int
    num: int


class FreeChannels(Slicer):
    """Width c is the first c - r channels, and r of the 2r around the boundary.

    "CafeNet" (Su et al., "Locally Free Weight Sharing for Network Width Search", ICLR 2021, arXiv
    2102.05258): the zone is the channels c - r, ..., c + r - 1, counted from 0 and cut off at the
    ends, so a width has up to C(2r, r) patterns, of which the first is the prefix. Training is
    min-min: of a few patterns the one of least loss is trained (`choose`). With r = 0 there is but
    the prefix.

    We deviate: the winner is remembered, stands among the next candidates and is what the width is
    from then on, so weights remain a function of the architecture; the prefix is always among the
    candidates; and the boundary conventions are ours, as no code is public. The paper's bins of
    equal FLOPs are a matter of the widths in the search space.

    Args:
        supernet: the largest shapes.
        channels: the groups of axes that are sliced alike; all else is sliced plainly.
        radius: r.
        num_candidates: random patterns tried at a step, beside the prefix and the last winner.

    Attributes:
        chosen: for each group and width a row of r places in its zone, ascending.

    Raises:
        ValueError: if r or the number of candidates is negative.
    """

    chosen: Tensor

    def __init__(
        self,
        supernet: Supernet,
        *,
        channels: Sequence[Channels],
        radius: int = 1,
        num_candidates: int = 2,
    ) -> None:
        super().__init__()
        if radius < 0 or num_candidates < 0:
            raise ValueError(
                f"radius and num_candidates must be 0 or more, got {radius}, {num_candidates}."
            )
        self.radius, self.num_candidates = radius, num_candidates
        self._group: dict[tuple[str, int], tuple[int, int]] = {}  # axis -> size, first row
        rows = 0
        for group in channels:
            self._group |= dict.fromkeys(group.axes, (group.size, rows))
            rows += group.size
        self.register_buffer("chosen", torch.arange(radius, dtype=torch.int32).repeat(rows, 1))

    def locate(self, subnet: Subnet) -> Slices:
        zones = self.zones(subnet)
        if not zones:
            return subnet.slices
        rows = torch.tensor([zone.row for zone in zones.values()], device=self.chosen.device)
        places = self.chosen[rows].tolist()
        weights, statistics = dict(subnet.slices.weights), dict(subnet.slices.statistics)
        for ((name, i), zone), row in zip(zones.items(), places, strict=True):
            if row[: zone.num] != list(range(zone.num)):  # not the prefix
                picked = (*range(zone.start), *(zone.start + k for k in row[: zone.num]))
                own = weights if name in weights else statistics
                axes = list(own[name].axes)
                axes[i] = Axis(axes[i].large, (picked,))
                own[name] = Slice(tuple(axes))
        return Slices(weights, statistics)

    def zones(self, subnet: Subnet) -> dict[tuple[str, int], Zone]:
        """The axes of a subnet that have a choice: (name, axis) -> zone."""
        return subnet.derived(self, lambda: self._find_zones(subnet))

    def _find_zones(self, subnet: Subnet) -> dict[tuple[str, int], Zone]:
        zones = {}
        for name, where in {**subnet.slices.weights, **subnet.slices.statistics}.items():
            for i, axis in enumerate(where.axes):
                prefix = axis.taken == (slice(0, axis.size),)
                if (name, i) not in self._group or axis.whole or not prefix or not self.radius:
                    continue
                largest, first = self._group[name, i]
                start = max(0, axis.size - self.radius)
                stop = min(largest, axis.size + self.radius)
                zones[name, i] = Zone(first + axis.size - 1, start, stop - start, axis.size - start)
        return zones

    def forward(self, weights: dict[str, Tensor], subnet: Subnet) -> dict[str, Tensor]:
        return weights

    def choose(self, subnet: Subnet, measure: Callable[[], float], rng: torch.Generator) -> None:
        """Keep, of the last winner, the prefix and random patterns, that of least loss.

        Args:
            measure: the loss of the subnet with the channels chosen at the time of the call.
            rng: of the candidates, on the CPU.
        """
        zones = list(dict.fromkeys(self.zones(subnet).values()))
        if not zones:
            return
        rows = [zone.row for zone in zones]
        prefix = torch.arange(self.radius, dtype=torch.int32).repeat(len(zones), 1)
        drawn = [
            torch.stack([self._drawn(zone, rng) for zone in zones])
            for _ in range(self.num_candidates)
        ]
        candidates = [self.chosen[rows].cpu(), prefix, *drawn]
        distinct = list({tuple(c.flatten().tolist()): c for c in candidates}.values())
        best, least = distinct[0], math.inf
        try:
            for candidate in distinct:
                self.chosen[rows] = candidate.to(self.chosen.device)
                loss = measure()
                if loss < least:
                    best, least = candidate, loss
        finally:  # also where measuring fails
            self.chosen[rows] = best.to(self.chosen.device)

    def _drawn(self, zone: Zone, rng: torch.Generator) -> Tensor:  # shape: (r,)
        """A random pattern, uniform over all; places beyond the zone's number are unused."""
        drawn = torch.arange(self.radius, dtype=torch.int32)
        drawn[: zone.num] = torch.randperm(zone.size, generator=rng)[: zone.num].sort().values
        return drawn

    def words(self, name: str) -> str:
        axes = [axis for owner, axis in self._group if owner == name] if self.radius else []
        return f"free channels, {self.radius} at each boundary" if axes else ""
