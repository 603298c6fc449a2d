"""Schemes: over which spines the flows of a leaf go."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hypernas.planning.demand import Flows

# Legend: L leaves, S spines, F flows of a leaf, D draws.


class Cut(NamedTuple):
    """Flows from a leaf of which some are split.

    Attributes:
        leaf, to: where they come from and go to; None for all other leaves.
        num_flows, num_split: how many they are, and how many of them are split.
        num_pieces: of all of them, those sent whole among them.
        equal: True if the pieces of a flow are equal.
    """

    leaf: int
    to: int | None
    num_flows: int
    num_split: int
    num_pieces: int
    equal: bool


@dataclass(frozen=True)
class Routed:
    """The flows of a leaf on their way.

    Attributes:
        bytes: to each leaf over each spine, shape (D, L, S).
        cuts: of the flows that are split.
        num_pieces: of all flows.
    """

    bytes: np.ndarray
    cuts: list[Cut]
    num_pieces: int


class Scheme(ABC):
    """Decides over which spines the flows of a leaf go, and in how many pieces.

    Attributes:
        name: in tables.
        about: the same in words.
        subject: of a sentence about it.
        action: the beginning of advice to take it, where it splits no flow.
    """

    name: str
    about: str
    subject: str
    action: str

    @abstractmethod
    def route(self, flows: Flows, num_leaves: int, num_spines: int) -> Routed:
        """The bytes to each leaf over each spine."""


def cut(
    sizes: np.ndarray,  # shape: (F,)
    num_spines: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cuts of a line of flows into as many equal parts as there are spines.

    One flow after the other is laid on a line, which is cut at multiples of its length / S (the rule of
    McNaughton, 1959, Manag. Sci. 6); so at most S - 1 flows are cut, into unequal pieces.

    Returns:
        The ends of flows, the places of cuts, and the flow that each cuts; none where a flow ends anyway.
    """
    ends = np.cumsum(sizes)
    places = ends[-1] / num_spines * np.arange(1, num_spines)
    flows = np.searchsorted(ends, places)
    starts = np.where(flows > 0, ends[flows - 1], 0.0)
    inside = np.minimum(places - starts, ends[flows] - places) > 1e-9 * ends[-1]
    return ends, places[inside], flows[inside]
