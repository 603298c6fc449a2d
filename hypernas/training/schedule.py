"""The learning rate over a run."""

import math


def lr_factor(step: int, steps: int, *, warmup: float, final_lr: float) -> float:
    """The learning rate of a step, 1, 2, ..., `steps`, in units of its peak.

    It rises linearly from 0, and then falls along a cosine.

    Args:
        warmup: share of the steps over which it rises.
        final_lr: share of the peak at the end.
    """
    rising = warmup * steps
    if step <= rising:
        return step / rising
    progress = (step - rising) / (steps - rising + 1)  # the last step still moves
    return final_lr + (1 - final_lr) * (1 + math.cos(math.pi * progress)) / 2
