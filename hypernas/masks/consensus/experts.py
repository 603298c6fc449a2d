"""Gates of experts: several copies of a layer, mixed by input while it is trained, and one layer in the end."""

import copy

import torch
from torch import Tensor, nn

from hypernas.masks.consensus.gate import Gate
from hypernas.masks.consensus.level import Level, across, input_dim


class Experts(Level):
    """Σ_k g_k layer_k(x) / max(1, Σ_k g_k), for a layer that is linear in its parameters.

    The mean of some layers' outputs is that of one layer with the mean of their weights (as in CondConv, Yang et
    al., 2019, arXiv 1904.04971, equation 2): a mixture W = Σ_k c_k W_k whose coefficients follow each input, or a batch.
    Gates that are the same for all inputs leave one layer, whose weights are static.

    Args:
        num: K, the layer itself among them; the others are drawn anew.
    """

    def __init__(
        self, layer: nn.Module, name: str, *, num: int, hidden_dim: int, bias: float, axis: int
    ) -> None:
        dim = input_dim(layer, name)
        gate = Gate(dim, num, hidden_dim=hidden_dim, bias=bias, axis=axis, never_none=True)
        super().__init__(gate, axis=axis)
        self.others = nn.ModuleList(copy.deepcopy(layer) for _ in range(num - 1))
        for part in self.others.modules():
            if callable(reset := getattr(part, "reset_parameters", None)):
                reset()

    def switched(self, inputs: Tensor, outputs: Tensor, gates: Tensor) -> Tensor:
        shares = gates / gates.sum(1, keepdim=True).clamp(min=1)
        every = [outputs, *(other(inputs) for other in self.others)]
        parts = zip(shares.split(1, dim=1), every, strict=True)
        return torch.stack([across(share, y, self.axis) * y for share, y in parts]).sum(0)

    @torch.no_grad()
    def settle(self, network: nn.Module, name: str, kept: Tensor) -> None:
        layer = network.get_submodule(name)
        chosen = [own for own, on in zip([layer, *self.others], kept.tolist(), strict=True) if on]
        means = {
            parameter: torch.stack([own.get_parameter(parameter) for own in chosen]).mean(0)
            for parameter, _ in layer.named_parameters()
        }
        for parameter, mean in means.items():
            layer.get_parameter(parameter).copy_(mean)
