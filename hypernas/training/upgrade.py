"""Tensors of checkpoints of earlier formats, as the present one has them."""

from collections.abc import Mapping

from torch import Tensor

from hypernas.generators import Generator
from hypernas.generators.coefficients.hypernetwork import CoefficientHypernetwork

_DIVIDED = (
    3  # the format since which the last layer of these networks is stored divided by its scale
)


def upgraded(
    tensors: Mapping[str, Tensor], generator: Generator, *, since: int
) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of a checkpoint, and the parameters among them that learn at another rate now.

    A generator and an average of its parameters then compute what they did. What the optimizer
    kept of these parameters is left as it was.

    Args:
        tensors: of the whole checkpoint: a part's name, a dot, and the name within the part.
        since: the format that they were saved in.
    """
    scales = {
        f"{name}.weight": module.lr_scale
        for name, module in generator.named_modules()
        if isinstance(module, CoefficientHypernetwork) and module.lr_scale != 1
    }
    if since >= _DIVIDED or not scales:
        return dict(tensors), []
    made = dict(tensors)
    for name, tensor in tensors.items():
        if scale := scales.get(name.partition(".")[2]):
            made[name] = tensor / scale
    return made, list(scales)
