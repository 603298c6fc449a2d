"""Stages in which a judge reads the validation split."""

import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

from hypernas.data import Data, num_examples
from hypernas.data.data import Batch, in_order


def stages(
    data: Data, share: float, *, device: torch.device
) -> tuple[list[Batch], list[Batch], int]:
    """The first examples of the validation split and the rest, each in batches, and the number of the first.

    Classes are about as frequent among the first as in all, where the targets are classes. The order is the same for all that
    judge.

    Args:
        share: of the examples, that are to be read first.
    """
    whole, collate = data.validation, data.collate_fn
    order = _order(whole)
    num = min(len(order), max(1, round(share * len(order))))
    first, rest = (_taken(whole, part) for part in (order[:num], order[num:]))
    return (
        list(in_order(first, device=device, collate_fn=collate)),
        list(in_order(rest, device=device, collate_fn=collate)) if num < len(order) else [],
        num,
    )


def stratified(
    classes: Tensor,  # shape: (N,), integers
    rng: torch.Generator,
) -> Tensor:  # shape: (N,), a permutation
    """A random order of which each beginning has the classes about as often as all have.

    The i-th example of a class of n stands at (i + a random part of 1) / n of the order.
    """
    places = torch.empty(len(classes), dtype=torch.double)
    for value in classes.unique():
        own = (classes == value).nonzero().flatten()
        own = own[torch.randperm(len(own), generator=rng)]
        within = torch.arange(len(own)) + torch.rand(len(own), generator=rng, dtype=torch.double)
        places[own] = within / len(own)
    return places.argsort(stable=True)


def _order(dataset: Dataset) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    if isinstance(dataset, TensorDataset):
        targets = dataset.tensors[-1]
        if targets.dim() == 1 and not targets.is_floating_point():
            return stratified(targets.cpu(), rng)
    return torch.randperm(num_examples(dataset), generator=rng)


def _taken(dataset: Dataset, rows: Tensor) -> Dataset:
    if isinstance(dataset, TensorDataset):
        return TensorDataset(*(tensor[rows.to(tensor.device)] for tensor in dataset.tensors))
    return Subset(dataset, rows.tolist())
