"""Gates of whole layers, which are skipped where they are off."""

from torch import Tensor, nn

from hypernas.masks.consensus.gate import Gate
from hypernas.masks.consensus.level import Level, across, input_dim


class Layers(Level):
    """g layer(x) + (1 - g) x: one gate a layer, for layers that keep the shape of their input."""

    def __init__(
        self, layer: nn.Module, name: str, *, hidden_dim: int, bias: float, axis: int
    ) -> None:
        dim = input_dim(layer, name)
        gate = Gate(dim, 1, hidden_dim=hidden_dim, bias=bias, axis=axis, never_none=False)
        super().__init__(gate, axis=axis)
        self.name = name

    def switched(self, inputs: Tensor, outputs: Tensor, gates: Tensor) -> Tensor:
        if inputs.shape != outputs.shape:
            raise ValueError(
                f"{self.name}: level=layer skips layers, whose outputs must have the shape of their input, got "
                f"{tuple(inputs.shape)} -> {tuple(outputs.shape)}. Choose other layers by modules=, or level=channel."
            )
        on = across(gates, outputs, self.axis)
        return on * outputs + (1 - on) * inputs

    def settle(self, network: nn.Module, name: str, kept: Tensor) -> None:
        if not kept.any():
            network.set_submodule(name, nn.Identity())
