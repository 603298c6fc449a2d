"""The taxonomy of hypernetworks, and the cell of it that a generator fills."""

from dataclasses import dataclass
from typing import Literal

Outputs = Literal["generate once", "multiple heads", "component-wise", "chunk-wise"]


@dataclass(frozen=True)
class Taxonomy:
    """A cell: Chauhan et al., "A Brief Review of Hypernetworks in Deep Learning", 2023, arXiv 2306.06955.

    Every hypernetwork here has dynamic inputs (an architecture is given at each call) and dynamic
    outputs (the shapes are those of that architecture).

    Attributes:
        outputs: all of what it writes in one pass, by a head for each part, by component, or by
            chunk.
        network: what it is itself.
        inputs: what it is conditioned on.
    """

    outputs: Outputs
    network: str = "MLP"
    inputs: str = "architecture"

    def __str__(self) -> str:
        return (
            f"hypernetwork: {self.inputs}-conditioned, {self.outputs}, dynamic inputs and outputs, "
            f"{self.network}"
        )
