"""Certified training: the loss at the worst input that bounds allow."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypernas.certification.attack import attacked
from hypernas.certification.interval import Interval, interval
from hypernas.certification.ramp import Ramp
from hypernas.certification.regularization import regularization
from hypernas.certification.specification import margins
from hypernas.data import Data
from hypernas.evaluation.appraisal import Appraisal
from hypernas.events import Begun, Event, Observer, Stepped
from hypernas.objectives import Objective
from hypernas.objectives.widening import Widening

_LEAST = 1e-6  # radius with which bounds are made while the ramp has none


class Certified(Objective, Widening, Observer, Appraisal):
    """Cross-entropy of the worst logits that interval propagation allows around each input.

    Fast certified training (Shi et al., 2021, arXiv 2103.17268): the radius rises along a ramp, over which two
    regularisers, weighted by `regularization` (1 - radius / full radius), keep bounds tight and activations balanced; begin at
    `start=ibp`. Measured are `accuracy` and `cross_entropy` of inputs themselves and `certified_error`, the share of examples for which no
    bound shows that the whole box is classified rightly; by evaluations and studies also `pgd_error`, the share that an
    attack gets wrong. It is between the error of inputs themselves and the certified one.

    A target is any module of linear layers, convolutions, batch norms, activations that never fall, pooling, sums and changes of
    shape that takes one tensor and gives logits (N, C); other operations are refused by name. Batch norms in training are taken for the affine map that they
    are for the values' statistics. Inputs that condition weights are no constants of a box: certify without a condition.

    Args:
        radius: of the box, in units of the inputs, in each entry.
        low, high: between which all inputs are; null for no limit.
        wait, rise: shares of the steps before and of the ramp.
        regularization: weight of both regularisers; 0 leaves them out.
        tolerance: of what they punish.
        attack_steps: of the attack; 0 leaves it out.

    Raises:
        ValueError: if a number is out of its range.
    """

    names = ("pgd_error",)

    def __init__(
        self,
        *,
        radius: float = 0.1,
        low: float | None = None,
        high: float | None = None,
        wait: float = 1 / 70,
        rise: float = 20 / 70,
        regularization: float = 0.5,
        tolerance: float = 0.5,
        attack_steps: int = 20,
    ) -> None:
        if radius < 0 or regularization < 0 or not 0 < tolerance <= 1 or attack_steps < 0:
            raise ValueError(
                f"radius, regularization and attack_steps must be 0 or more and tolerance in (0, 1], got "
                f"{radius}, {regularization}, {attack_steps} and {tolerance}."
            )
        if low is not None and high is not None and low >= high:
            raise ValueError(f"low must be below high, got {low} and {high}.")
        self.radius, self.low, self.high, self.attack_steps = radius, low, high, attack_steps
        self.ramp, self.weight, self.tolerance = Ramp(wait, rise), regularization, tolerance
        self._share = 1.0  # of the radius, at the step that comes next

    def see(self, event: Event) -> None:
        if isinstance(event, Begun | Stepped):
            self._share = self.ramp(event.step + 1, event.steps)

    def trained(self, inputs: Any) -> Interval:
        return self._widened(inputs, max(_LEAST, self._share * self.radius))

    def measured(self, inputs: Any) -> Interval:
        return self._widened(inputs, self.radius)

    def loss(self, outputs: Any, targets: Tensor, teacher: Any = None) -> Tensor:
        if not isinstance(outputs, Interval):
            raise ValueError(
                f"objective certified needs the bounds of outputs, got {type(outputs).__name__} without: the module made "
                f"its outputs otherwise than by functions of torch on its input, or inputs were given without their box "
                f"(`objective.trained(inputs)`)."
            )
        found = F.cross_entropy(-margins(outputs, targets), targets)
        weight = self.weight * (1 - self._share)
        if weight:
            found = found + weight * regularization(outputs.trace, tolerance=self.tolerance)
        return found

    def measures(self, outputs: Any, targets: Tensor) -> dict[str, Tensor]:
        bounded = isinstance(outputs, Interval)
        logits = outputs.bounds.value if bounded else outputs
        found = {
            "accuracy": (logits.argmax(1) == targets).float(),
            "cross_entropy": F.cross_entropy(logits, targets, reduction="none"),
        }
        if bounded:
            lead = margins(outputs, targets)
            others = F.one_hot(targets, lead.shape[1]).bool()
            least = lead.masked_fill(others, torch.inf).amin(1)
            found["certified_error"] = (least <= 0).float()
        return found

    def appraise(self, model: Callable[..., Any], data: Data, split: str) -> dict[str, float]:
        if not self.attack_steps:
            return {}
        device = next(model.parameters()).device if isinstance(model, nn.Module) else "cpu"
        options = {"steps": self.attack_steps, "low": self.low, "high": self.high}
        rng = torch.Generator().manual_seed(0)
        wrong = [
            attacked(model, inputs, labels, self.radius, rng=rng, **options)[0]
            for inputs, labels in data.in_order(split, device=torch.device(device))
        ]
        return {"pgd_error": float(torch.cat(wrong).float().mean())}

    def _widened(self, inputs: Any, radius: float) -> Interval:
        if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
            kind = inputs.dtype if isinstance(inputs, Tensor) else type(inputs).__name__
            raise ValueError(
                f"objective certified puts a box around inputs that are one tensor of floating-point numbers, "
                f"got {kind}: take another objective."
            )
        return interval(inputs, radius, low=self.low, high=self.high)
