"""Gates of channels, which are zero where they are off."""

from torch import Tensor, nn

from hypernas.masks.consensus.gate import Gate
from hypernas.masks.consensus.level import Level, across, input_dim, output_dim


class Channels(Level):
    """g ⊙ layer(x): one gate a channel of a layer's outputs."""

    def __init__(
        self, layer: nn.Module, name: str, *, hidden_dim: int, bias: float, axis: int
    ) -> None:
        dim, num = input_dim(layer, name), output_dim(layer, name)
        gate = Gate(dim, num, hidden_dim=hidden_dim, bias=bias, axis=axis, never_none=True)
        super().__init__(gate, axis=axis)
        self.name = name

    def switched(self, inputs: Tensor, outputs: Tensor, gates: Tensor) -> Tensor:
        if outputs.shape[self.axis] != gates.shape[1]:
            raise ValueError(
                f"{self.name}: expected {gates.shape[1]} channels on axis {self.axis} of its outputs, got the shape "
                f"{tuple(outputs.shape)}: give the axis of the channels, as axis=-1."
            )
        return across(gates, outputs, self.axis) * outputs

    def settle(self, network: nn.Module, name: str, kept: Tensor) -> None:
        network.get_submodule(name).register_forward_hook(Mask(kept, self.axis))


class Mask:
    """A hook that leaves zeros of the channels of a layer's outputs that are not kept: see `remove`.

    Args:
        kept: truth values, shape (G,).
    """

    def __init__(self, kept: Tensor, axis: int) -> None:
        self.kept, self.axis = kept, axis

    def __call__(self, module: nn.Module, inputs: object, outputs: Tensor) -> Tensor:
        return across(self.kept, outputs, self.axis) * outputs
