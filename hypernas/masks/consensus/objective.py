"""The loss that makes the gates of all inputs agree, and as few as are wanted."""

from typing import Any

from torch import Tensor

from hypernas.masks.consensus.gated import GatedOutputs
from hypernas.objectives import Counted, CrossEntropy, Objective
from hypernas.objectives.widening import check_alone


def polarization(
    gates: Tensor,  # shape: (N, G), each 0 or 1
) -> Tensor:  # shape: ()
    """mean_i ḡ_i (1 - ḡ_i), ḡ_i the mean of gate i over inputs: 0 if and only if each gate is the same for all of them."""
    means = gates.mean(0)
    return (means * (1 - means)).mean()


def excess(
    gates: Tensor,  # shape: (N, G)
    target: float,
) -> Tensor:  # shape: ()
    """(mean_i ḡ_i - target)²: the square of how far the share of gates that are on is from what is wanted."""
    return (gates.mean() - target).square()


class Consensus(Objective, Counted):
    """L + λ_act (mean_i ḡ_i - target)² + λ_pol mean_i ḡ_i (1 - ḡ_i), of a network with gates.

    A reconstruction of "Consensus subnet by polarization", arXiv 2302.10798, of which no code was published and whose
    formula was not to be had: gates by input are trained to one subnet for all inputs. The share that is kept
    in the end is above the target by some points, so read it of the result.

    Args:
        objective: L, of the network's own outputs; None for cross-entropy.
        target: share of the gates that is wanted, 0 to 1.
        activation: λ_act.
        polarization: λ_pol; 0 leaves gates to differ by input.

    Raises:
        ValueError: if the target is no share, or a weight is negative.
    """

    def __init__(
        self,
        *,
        objective: Objective | None = None,
        target: float = 0.5,
        activation: float = 10.0,
        polarization: float = 1.0,
    ) -> None:
        if not 0 <= target <= 1 or activation < 0 or polarization < 0:
            raise ValueError(
                f"target must be in [0, 1], activation and polarization 0 or more, got target={target}, "
                f"activation={activation}, polarization={polarization}."
            )
        check_alone(objective, "objective=consensus")
        self.objective = objective or CrossEntropy()
        self.distils = self.objective.distils
        self.target, self.activation, self.polarization = target, activation, polarization

    def loss(self, outputs: Any, targets: Any, teacher: Any = None) -> Tensor:
        own = _gated(outputs)
        taught = teacher.outputs if isinstance(teacher, GatedOutputs) else teacher
        return (
            self.objective.loss(own.outputs, targets, taught)
            + self.activation * excess(own.gates, self.target)
            + self.polarization * polarization(own.gates)
        )

    def measures(self, outputs: Any, targets: Any) -> dict[str, Tensor]:
        """Those of L, and `gates_on`: the share of gates that are on for each input."""
        own = _gated(outputs)
        return {**self.objective.measures(own.outputs, targets), "gates_on": own.gates.mean(1)}

    def num_counted(self, targets: Any) -> int | None:
        return self.objective.num_counted(targets) if isinstance(self.objective, Counted) else None


def _gated(outputs: Any) -> GatedOutputs:
    if isinstance(outputs, GatedOutputs):
        return outputs
    raise ValueError(
        f"objective=consensus is for networks with gates, but the module returned {type(outputs).__name__}: "
        f"give the space gates by changes=[gates]."
    )
