"""Inference of the task that a batch is of, by how a mixture of masks would become surer."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.masks.masked import Masked


@checked
def infer_task(
    masked: Masked, masks: Sequence[Mapping[str, Tensor]], logits: Callable[[], Tensor]
) -> int:
    """The task of a batch, of which no label is known: one gradient of the entropy of the outputs.

    Masks are mixed with α = 1/T each, and the task is that whose α would lower the entropy most: the most
    negative entry of its gradient (Wortsman et al., 2020, arXiv 2006.14769, section 3.3, "one-shot").

    Args:
        masked: with which the batch is run.
        masks: of the tasks.
        logits: runs the batch, all of one task: -> logits, shape (N, C).

    Raises:
        ValueError: if there is no task.
    """
    if not masks:
        raise ValueError("there is no task to infer: expected the masks of one or more, got none.")
    with torch.enable_grad():
        alpha = torch.full((len(masks),), 1 / len(masks), device=masked.device, requires_grad=True)
        mixed = {
            name: sum(
                (a * own[name].to(alpha) for a, own in zip(alpha, masks, strict=True)),
                start=torch.zeros((), device=masked.device),
            )
            for name in masks[0]
        }
        with masked.using(mixed):
            likely = logits().log_softmax(-1)
        entropy = -(likely.exp() * likely).sum(-1).mean()
        (gradient,) = torch.autograd.grad(entropy, alpha)
    return int(gradient.argmin())
