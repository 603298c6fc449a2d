"""A gate: yes or no for each part of a layer, from what the layer is given."""

import torch
from torch import Tensor, nn


class Gate(nn.Module):
    """g = 1[sigmoid(f(h)) ≥ 1/2], with the gradient of the sigmoid (straight through).

    f is a network of one hidden layer, h the mean of the inputs over all axes but those of examples and channels. Both
    layers start Kaiming-normal, the last with a positive bias: most gates are on at first, and they depend on the input.

    Args:
        input_dim: C, channels of the inputs.
        num: G, of gates.
        hidden_dim: units of f.
        bias: of the last layer at the start, above 0.
        axis: of the channels.
        never_none: True if that with the largest sigmoid is on where none would be.
    """

    def __init__(
        self,
        input_dim: int,
        num: int,
        *,
        hidden_dim: int,
        bias: float,
        axis: int,
        never_none: bool,
    ) -> None:
        super().__init__()
        self.axis, self.never_none = axis, never_none
        self.hidden = nn.Linear(input_dim, hidden_dim)
        self.logits = nn.Linear(hidden_dim, num)
        nn.init.kaiming_normal_(self.hidden.weight, nonlinearity="relu")
        nn.init.kaiming_normal_(self.logits.weight, nonlinearity="relu")
        nn.init.constant_(self.logits.bias, bias)

    def forward(
        self,
        inputs: Tensor,  # shape: (N, ..., C, ...)
        examples: int = 1,
    ) -> Tensor:  # shape: (N, G), zeros and ones
        """Gates of each example, or one set for as many examples, one after the other, by the mean of their h."""
        pooled = inputs.movedim(self.axis, 1).flatten(2).mean(2) if inputs.dim() > 2 else inputs
        if examples > 1:
            parts = pooled.split(examples)  # the last may have fewer
            means = [part.mean(0, keepdim=True).expand(len(part), -1) for part in parts]
            pooled = torch.cat(means)
        soft = torch.sigmoid(self.logits(torch.relu(self.hidden(pooled))))
        hard = soft >= 0.5
        if self.never_none:
            first = torch.zeros_like(hard).scatter(1, soft.argmax(1, keepdim=True), True)
            hard = torch.where(hard.any(1, keepdim=True), hard, first)
        return hard.to(soft.dtype) + (soft - soft.detach())
