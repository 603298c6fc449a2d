"""The taxonomy of hypernetworks, and the cell of it that a generator fills."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Input = Literal["architecture", "condition", "task", "data", "noise"]
Outputs = Literal["generate once", "multiple heads", "component-wise", "chunk-wise"]
Network = Literal["MLP", "convolution", "recurrent", "attention"]
Variability = Literal["static", "dynamic"]


@dataclass(frozen=True)
class Taxonomy:
    """A cell: Chauhan et al., "A Brief Review of Hypernetworks in Deep Learning", 2023, arXiv 2306.06955.

    Attributes:
        outputs: all of what it writes in one pass, by a head for each part, by component, or by
            chunk, of which a network that is the same for all reads embeddings.
        network: what it is itself.
        inputs: what it is conditioned on; "condition" is numbers of whose kind it knows nothing.
        input_variability: dynamic where inputs change from batch to batch, as all but a task's embedding do.
        output_variability: dynamic where the shapes of what it writes change.
    """

    outputs: Outputs
    network: Network = "MLP"
    inputs: tuple[Input, ...] = ("architecture",)
    input_variability: Variability = "dynamic"
    output_variability: Variability = "dynamic"

    def under(self, kinds: Sequence[Input]) -> "Taxonomy":
        """The same, told of what kinds its condition is."""
        if "condition" not in self.inputs:
            return self
        others = [kind for kind in self.inputs if kind != "condition"]
        return replace(self, inputs=tuple(dict.fromkeys([*others, *kinds])))

    def over(self, *, num_architectures: int, shapes_change: bool) -> "Taxonomy":
        """The same, over a space: one of a single architecture has nothing to be conditioned on."""
        inputs = self.inputs
        if num_architectures == 1:
            inputs = tuple(kind for kind in inputs if kind != "architecture") or inputs
        still = {"task"} if num_architectures > 1 else {"task", "architecture"}
        return replace(
            self,
            inputs=inputs,
            input_variability="static" if set(inputs) <= still else "dynamic",
            output_variability="dynamic" if shapes_change else "static",
        )

    def __str__(self) -> str:
        *others, last = self.inputs
        read = "".join(f"{kind}-, " for kind in others).removesuffix(", ")
        into, out = self.input_variability, self.output_variability
        vary = f"{into} inputs and outputs" if into == out else f"{into} inputs, {out} outputs"
        return (
            f"hypernetwork: {read}{' and ' if others else ''}{last}-conditioned, {self.outputs}, "
            f"{vary}, {self.network}"
        )
