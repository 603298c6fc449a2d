"""Trivial predictors: what a subnet has to beat before its measures mean anything."""

import math

import torch
from torch import Tensor

from hypernas.data import Data
from hypernas.objectives.counted import counted


def class_frequencies(data: Data, measure: str, *, split: str = "validation") -> float | None:
    """The measure of predicting the classes' frequencies in the training split, whatever the input.

    Args:
        measure: accuracy (of the most frequent class) or cross_entropy; others have no such predictor here.

    Returns:
        None for other measures, and for targets that are no classes.
    """
    if measure not in ("accuracy", "cross_entropy"):
        return None
    known, asked = (_labels(data, name) for name in ("train", split))
    if known is None or asked is None or not len(known) or not len(asked):
        return None
    counts = (
        torch.bincount(known, minlength=int(asked.max()) + 1).double() + 1
    )  # none is impossible
    if measure == "accuracy":
        return float((asked == counts.argmax()).double().mean())
    return math.log(counts.sum()) - float(counts[asked].log().mean())


def _labels(data: Data, split: str) -> Tensor | None:  # shape: (N,)
    """Every target of a split that counts; None if they are no classes."""
    found = []
    for _, targets in data.in_order(split):
        if not isinstance(targets, Tensor) or targets.is_floating_point() or targets.is_complex():
            return None
        flat = targets.flatten()
        found.append(flat[counted(flat)])
    labels = torch.cat(found).long() if found else None
    return None if labels is None or (len(labels) and labels.min() < 0) else labels
