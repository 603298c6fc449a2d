"""Mixture-of-Supernets: routers that read the architecture and weigh full-size experts."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hypernas.generators.coefficients.source import CoefficientSource, Gate, activate
from hypernas.generators.taxonomy import Taxonomy
from hypernas.mixing import Coefficients
from hypernas.subnet.supernet import Supernet


class Router(CoefficientSource):
    """Gates of experts from Linear - ReLU - Dropout - Linear - softmax, one such net a router.

    Jawahar et al., "Mixture-of-Supernets: Improving Weight-Sharing Supernet Training with
    Architecture-Routed Mixture-of-Experts", 2023, arXiv 2306.04845. Layer-wise, a router gives one
    row of gates; neuron-wise, one for each output neuron, of which a subnet takes a slice, so that
    a neuron's gates depend on the subnet only through its encoding. All experts are mixed, as
    published; `top_k` mixes fewer.

    Args:
        supernet: the largest shapes.
        num_features: D, of the encoding and of the condition beside it.
        routers: router name -> the parameters it gates, all of equal first axis if `neurons`.
        num_experts: K.
        neurons: gates for every output neuron.
        hidden_dim: H, width of the routers.
        dropout: on the hidden layer, while training.
        gate, temperature: see `activate`; published are softmax and 1.
        top_k: how many experts are mixed; None for all.
        constant: feed 0.5 for every feature, the published control that cannot see the architecture.
        zero_bias: start the last biases at 0, as published for neurons, in place of torch's draw.
        rng: of the initialisation.

    Raises:
        ValueError: if `top_k` is not one of 1 to K.
    """

    def __init__(
        self,
        supernet: Supernet,
        *,
        num_features: int,
        routers: Mapping[str, Sequence[str]],
        num_experts: int,
        neurons: bool,
        hidden_dim: int,
        dropout: float,
        gate: Gate,
        temperature: float,
        top_k: int | None,
        constant: bool,
        zero_bias: bool = False,
        rng: torch.Generator,
    ) -> None:
        super().__init__()
        if top_k is not None and not 1 <= top_k <= num_experts:
            raise ValueError(
                f"top_k must be from 1 to num_experts={num_experts}, or None for all, got {top_k}."
            )
        self.routers = {router: list(names) for router, names in routers.items()}
        self.num_experts, self.neurons = num_experts, neurons
        activate(torch.zeros(1), gate)  # refuses an unknown one now
        self.gate: Gate = gate
        self.temperature, self.top_k, self.constant = temperature, top_k, constant
        self.taxonomy = None if constant else Taxonomy("multiple heads")
        self.dropout = nn.Dropout(dropout)
        bound = 1 / math.sqrt(num_features)  # torch's default for a linear layer

        def uniform(*shape: int, bound: float) -> nn.Parameter:
            return nn.Parameter((torch.rand(*shape, generator=rng) * 2 - 1) * bound)

        num = len(self.routers)
        # the first layers of all routers read the same features: one matrix
        self.hidden_weight = uniform(num * hidden_dim, num_features, bound=bound)
        self.hidden_bias = uniform(num * hidden_dim, bound=bound)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for names in self.routers.values():
            rows = num_experts * (supernet.shapes[names[0]][0] if neurons else 1)
            xavier = math.sqrt(6 / (rows + hidden_dim))
            default = 1 / math.sqrt(hidden_dim)
            self.weights.append(uniform(rows, hidden_dim, bound=xavier if neurons else default))
            self.biases.append(uniform(rows, bound=default))
            if zero_bias:
                nn.init.zeros_(self.biases[-1])

    def forward(self, features: Tensor) -> list[dict[str, Coefficients]]:
        if self.constant:
            features = torch.full_like(features, 0.5)
        hidden = torch.relu(nn.functional.linear(features, self.hidden_weight, self.hidden_bias))
        hidden = self.dropout(hidden).view(len(features), len(self.routers), -1)
        results: list[dict[str, Coefficients]] = [{} for _ in features]
        for rows, weight, bias, names in zip(
            hidden.unbind(1), self.weights, self.biases, self.routers.values(), strict=True
        ):
            logits = nn.functional.linear(rows, weight, bias)
            if self.neurons:  # the K logits of one neuron are adjacent
                logits = logits.view(len(features), -1, self.num_experts)
            gates = activate(logits, self.gate, self.temperature, self.top_k)
            for result, experts in zip(results, gates.unbind(0), strict=True):
                result.update(dict.fromkeys(names, Coefficients(experts=experts)))
        return results

    def words(self, name: str) -> str:
        if not any(name in names for names in self.routers.values()):
            return ""
        kept = f", {self.top_k} at a time" if self.top_k else ""
        return f"{self.num_experts} experts{kept}, {self.gate} gates by {'neuron' if self.neurons else 'layer'}"
