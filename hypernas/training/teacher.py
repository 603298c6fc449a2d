"""A check that somebody teaches where subnets are to be distilled."""

import torch

from hypernas.border import checked
from hypernas.objectives import Objective
from hypernas.sampling import Sampler, preview
from hypernas.space import SearchSpace

_STEPS = 64  # that are looked at


@checked
def check_teacher(objective: Objective, sampler: Sampler, space: SearchSpace) -> None:
    """Refuse in-place distillation with a sampler whose steps have no teacher for their subnets.

    A teacher is the largest architecture, first of a step that has others.

    Raises:
        ValueError: if none of 64 steps that are drawn has one.
    """
    if not objective.distils:
        return
    rng = torch.Generator().manual_seed(0)
    for first, *others in preview(sampler, space, _STEPS, rng=rng):
        if others and first.architecture == space.largest():
            return
    raise ValueError(
        f"{type(objective).__name__} lets the largest architecture of a step teach the others, but "
        f"{type(sampler).__name__} draws no step that begins with it and has others: take "
        f"sampling=sandwich (hypernas.sampling.Sandwich), or objective=cross_entropy."
    )
