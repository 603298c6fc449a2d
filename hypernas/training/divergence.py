"""Training that went wrong."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypernas.space.architecture import Architecture


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
            f"Checkpoints saved before are kept: go on from the newest with callbacks=[default,skip], and the step is "
            f"found, and kept for hypernas replay, before parameters move."
        )


def told(
    step: int,
    values: Mapping[str, float],
    architectures: Sequence[Architecture],
    losses: Sequence[float],
    kept: Path | str,
) -> str:
    """Words for a step that parameters did not follow.

    Args:
        kept: the folder that holds the step, or why there is none.
    """
    pairs = zip(architectures, losses, strict=True)
    wrong = [f"\n  {dict(a)}: {loss}" for a, loss in pairs if not math.isfinite(loss)]
    where = f"; losses of its architectures:{''.join(wrong)}\n" if wrong else "; "
    replay = f"hypernas replay shows where it arises: the step is kept in {kept}."
    return (
        f"training diverged in step {step} (loss {values['loss']}, gradient norm "
        f"{values['gradient_norm']}){where}lower optimizer.lr, or training.max_grad_norm, or let such steps "
        f"be left out (callbacks=[default,skip]). Parameters are as before the step, and checkpoints saved before are "
        f"kept. {replay if isinstance(kept, Path) else kept}"
    )
