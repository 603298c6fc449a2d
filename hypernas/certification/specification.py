"""Specifications: by how much the right class is ahead of every other, at least."""

import torch
from torch import Tensor

from hypernas.certification.interval import Interval

# Legend: N examples, C classes, D inputs of the last layer.


def margins(
    outputs: Interval,  # shape: (N, C)
    labels: Tensor,  # shape: (N,)
) -> Tensor:  # shape: (N, C)
    """The least lead of the label's logit over each other one, for any input of the box; 0 for itself.

    Where the last layer is linear, it is merged with the differences of logits: W_y - W_j is one layer, whose bound is
    tighter than that of two logits on their own (Gowal et al., 2018, arXiv 1810.12715, section 3).
    """
    last, rows = outputs.last, torch.arange(len(labels), device=labels.device)
    if last is None or last.name != "linear" or last.inputs.value.dim() != 2:
        lower, upper = outputs.bounds.lower, outputs.bounds.upper
        found = lower[rows, labels][:, None] - upper
        return found.masked_fill(torch.nn.functional.one_hot(labels, found.shape[1]).bool(), 0.0)
    weight = last.weight
    lead = weight[:, None] - weight[None]  # shape: (C, C, D), of the row's class over the column's
    center, radius = last.inputs.center, last.inputs.radius
    logits = torch.nn.functional.linear(center, weight, last.bias)
    loss = (lead.abs()[labels] @ radius[:, :, None])[..., 0]
    return logits[rows, labels][:, None] - logits - loss
