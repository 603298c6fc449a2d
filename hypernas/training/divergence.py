"""Training that went wrong."""

import math
from collections.abc import Mapping


class Diverged(RuntimeError):
    """The loss or its gradient is no longer a number."""


def check_finite(step: int, values: Mapping[str, float]) -> None:
    """Refuse to go on with figures that are no numbers.

    Args:
        values: among them "loss" and "gradient_norm".

    Raises:
        Diverged: telling them.
    """
    if not all(math.isfinite(value) for value in values.values()):
        raise Diverged(
            f"training diverged by step {step} (loss {values['loss']}, gradient norm "
            f"{values['gradient_norm']}); lower optimizer.lr, or training.max_grad_norm. "
            f"Checkpoints saved before are kept."
        )
