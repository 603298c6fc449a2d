"""Random splits of tensors."""

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from hypernas.border import checked


@checked
def split_tensors(
    inputs: Tensor,  # shape: (N, *input_shape)
    targets: Tensor,  # shape: (N,)
    sizes: tuple[int, ...],
    *,
    seed: int,
) -> list[TensorDataset]:
    """Disjoint random parts of the given sizes, the same ones for the same seed.

    Raises:
        ValueError: if there are fewer examples than that, or inputs and targets are not as many.
    """
    nums = [len(tensor) if tensor.dim() else -1 for tensor in (inputs, targets)]
    if nums[0] != nums[1] or min(sizes, default=0) < 0 or sum(sizes) > nums[0]:
        raise ValueError(
            f"expected as many inputs as targets, and parts of no more in all, got the shapes "
            f"{tuple(inputs.shape)} and {tuple(targets.shape)}, and the sizes {tuple(sizes)}."
        )
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))
    parts = order[: sum(sizes)].split(list(sizes))
    return [TensorDataset(inputs[part], targets[part]) for part in parts]
