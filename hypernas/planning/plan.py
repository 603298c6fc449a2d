"""Plans: loads of links and completion bounds of a collective under each scheme."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hypernas.border import checked
from hypernas.planning.advice import advise
from hypernas.planning.collectives import Step
from hypernas.planning.demand import Placed
from hypernas.planning.ecmp import Ecmp
from hypernas.planning.fabric import LeafSpine
from hypernas.planning.leaf_pair import LeafPair
from hypernas.planning.outcome import Loads, Outcome, StepOutcome
from hypernas.planning.scheme import Cut, Routed, Scheme
from hypernas.planning.source_leaf import SourceLeaf
from hypernas.planning.spraying import Spraying


@dataclass(frozen=True)
class Plan:
    """Loads that a collective puts on a fabric: a load model, and no simulation of packets.

    There is neither latency nor congestion control in it, steps do not overlap, and nothing else is on the
    links. A completion time is that of the heaviest link at its full rate: nothing is faster.

    Attributes:
        outcomes: of each scheme.
        steps: of the collective.
    """

    fabric: LeafSpine
    num_ranks: int
    steps: Sequence[Step]
    outcomes: Sequence[Outcome]

    @property
    def advice(self) -> str:
        """One sentence: leave flows whole, split some of them, or spray."""
        return advise(self.outcomes)

    def rows(self) -> list[dict[str, Any]]:
        """A row for each scheme: seconds, and these in units of spraying's."""
        best = self.outcomes[-1].seconds
        return [
            {
                "scheme": one.name,
                "seconds": one.seconds,
                "relative": one.seconds / best if best else 1.0,
                "heaviest": one.heaviest,
                "pieces_per_flow": one.num_pieces / one.num_flows if one.num_flows else 1.0,
            }
            for one in self.outcomes
        ]

    def links(self) -> Iterator[dict[str, Any]]:
        """A row for each link: its bytes over all steps, the mean over draws, under each scheme."""
        every = [outcome.loads.links(self.fabric) for outcome in self.outcomes]
        for named in zip(*every, strict=True):
            loads = {o.name: load for o, (_, load) in zip(self.outcomes, named, strict=True)}
            yield {"link": named[0][0], **loads}

    def splits(self) -> list[dict[str, Any]]:
        """A row for each leaf, or pair of leaves, some of whose flows a scheme splits in a step."""
        return [
            {
                "scheme": outcome.name,
                "step": step.name,
                "leaf": cut.leaf,
                "to": "any" if cut.to is None else cut.to,
                "flows": cut.num_flows,
                "split": cut.num_split,
                "pieces": cut.num_pieces,
                "pieces_are_equal": cut.equal,
            }
            for outcome in self.outcomes
            for step, found in zip(self.steps, outcome.steps, strict=True)
            for cut in found.cuts
        ]


@checked
def plan(
    fabric: LeafSpine,
    steps: Sequence[Step],
    *,
    num_draws: int = 15,
    seed: int = 0,
    schemes: Sequence[Scheme] | None = None,
) -> Plan:
    """Lay the steps of a collective on a fabric, under each scheme.

    Args:
        num_draws: of hashes, over which ECMP's times are averaged.
        schemes: to compare, of which the last is what others are compared with; None for ECMP with whole flows and with
            4 subflows, both ways to split flows, and spraying.

    Raises:
        ValueError: if there are more ranks than hosts, or no steps or schemes.
    """
    if not steps:
        raise ValueError("there is nothing to plan: expected one step or more, got none.")
    if schemes is not None and not schemes:
        raise ValueError("there is nothing to compare: expected one scheme or more, got none.")
    if schemes is None:
        draws = {"num_draws": num_draws, "seed": seed}
        ecmp = [Ecmp(**draws), Ecmp(num_subflows=4, **draws)]
        schemes = [*ecmp, SourceLeaf(), LeafPair(), Spraying()]
    found: list[list[StepOutcome]] = [[] for _ in schemes]
    for step in steps:
        placed = Placed(step.demand, fabric)
        for own, outcome in zip(found, _laid(fabric, placed, schemes, step.times), strict=True):
            own.append(outcome)
    outcomes = [Outcome(s, own) for s, own in zip(schemes, found, strict=True)]
    return Plan(fabric, steps[0].demand.num_ranks, steps, outcomes)


def _laid(
    fabric: LeafSpine, placed: Placed, schemes: Sequence[Scheme], times: int
) -> list[StepOutcome]:
    """The outcome of a step under each scheme; its flows are gone through once."""
    sums = [_Sum() for _ in schemes]
    num_flows = 0
    for flows in placed.flows():
        num_flows += len(flows.to)
        for own, scheme in zip(sums, schemes, strict=True):
            own.add(scheme.route(flows, fabric.leaves, fabric.spines))
    every = [
        Loads(placed.sent, placed.received, np.stack(own.up, 1), np.asarray(own.down))
        for own in sums
    ]
    return [
        StepOutcome(
            loads=loads,
            times=times,
            seconds=loads.seconds(fabric),
            heaviest=loads.heaviest(fabric),
            cuts=own.cuts,
            num_flows=num_flows,
            num_pieces=own.num_pieces,
        )
        for own, loads in zip(sums, every, strict=True)
    ]


class _Sum:
    """Sums over leaves, added one leaf after the other."""

    def __init__(self) -> None:
        self.up: list[np.ndarray] = []  # of each leaf, shape (D, S)
        self.down: np.ndarray | float = 0.0  # shape: (D, L, S)
        self.cuts: list[Cut] = []
        self.num_pieces = 0

    def add(self, routed: Routed) -> None:
        self.up.append(routed.bytes.sum(1))
        self.down = self.down + routed.bytes
        self.cuts += routed.cuts
        self.num_pieces += routed.num_pieces
