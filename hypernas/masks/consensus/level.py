"""A level: the parts of a layer that gates switch."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from hypernas.masks.consensus.gate import Gate

_INPUTS = ("in_features", "in_channels", "num_features", "num_channels", "normalized_shape")
_OUTPUTS = ("out_features", "out_channels", "num_features", "num_channels", "normalized_shape")


class Level(nn.Module, ABC):
    """The gates of one layer.

    Args:
        gate: of its parts.
        axis: of the channels of its inputs and outputs.
    """

    def __init__(self, gate: Gate, *, axis: int) -> None:
        super().__init__()
        self.gate, self.axis = gate, axis

    @abstractmethod
    def switched(
        self,
        inputs: Tensor,  # the layer's first argument
        outputs: Tensor,  # of the layer
        gates: Tensor,  # shape: (N, G)
    ) -> Tensor:
        """The outputs that the layer has under gates."""

    @abstractmethod
    def settle(
        self,
        network: nn.Module,
        name: str,  # of the layer
        kept: Tensor,  # truth values, shape (G,)
    ) -> None:
        """Change a network, in place, to what it is under constant gates of this layer."""


def across(gates: Tensor, values: Tensor, axis: int) -> Tensor:
    """Gates, shape (N, G) or (G,), in the shape that multiplies values with G channels on an axis."""
    shape = [1] * values.dim()
    shape[axis] = gates.shape[-1]
    if gates.dim() == 2:
        shape[0] = gates.shape[0]
    return gates.view(shape)


def input_dim(layer: nn.Module, name: str) -> int:
    """The channels that a layer takes, by the first layer of torch in it.

    Raises:
        ValueError: if there is none.
    """
    return _channels([*layer.modules()], _INPUTS, name)


def output_dim(layer: nn.Module, name: str) -> int:
    """The channels that a layer gives, by the last layer of torch in it.

    Raises:
        ValueError: if there is none.
    """
    return _channels([*layer.modules()][::-1], _OUTPUTS, name)


def _channels(parts: list[nn.Module], attributes: tuple[str, ...], name: str) -> int:
    for part in parts:
        for attribute in attributes:
            found = getattr(part, attribute, None)
            if isinstance(found, tuple):
                found = found[-1] if found else None
            if isinstance(found, int):
                return found
    raise ValueError(
        f"{name}: gates need a layer that tells its channels by one of {list(attributes)}, as torch's do, "
        f"got {type(parts[0]).__name__}."
    )
