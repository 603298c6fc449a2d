"""What a subnet costs: multiplications and additions, and parameters."""

import copy

from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from hypernas.target import positional


def flops(module: nn.Module, inputs: Tensor | tuple[Tensor, ...]) -> int:
    """Floating-point operations of one forward pass on `inputs`, 2 for each multiply-add.

    Counted by torch's own counter on a copy on the meta device, in evaluation mode: matrix
    products, convolutions and attention; element-wise work is left out.
    """
    shadow = copy.deepcopy(module).to("meta").eval()
    counter = FlopCounterMode(display=False)
    with counter:
        shadow(*(tensor.to("meta") for tensor in positional(inputs)))
    return counter.get_total_flops()


def num_parameters(module: nn.Module) -> int:
    """Parameters of a module, tied ones once."""
    return sum(parameter.numel() for parameter in module.parameters())
