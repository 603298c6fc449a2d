"""Load of a fabric's links under the collectives of a training on several ranks, without torch."""

from hypernas.planning.collectives import (
    Step,
    all_to_all,
    delivery,
    dispatch,
    halving_doubling,
    ring,
)
from hypernas.planning.demand import Demand
from hypernas.planning.fabric import LeafSpine
from hypernas.planning.plan import Plan, plan

__all__ = [
    "Demand",
    "LeafSpine",
    "Plan",
    "Step",
    "all_to_all",
    "delivery",
    "dispatch",
    "halving_doubling",
    "plan",
    "ring",
]
