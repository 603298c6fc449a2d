"""The generator that is not a mixture: every weight straight out of a network."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from hypernas.generators.banks.bank import key
from hypernas.generators.generator import Generator, Given, ParameterGroup
from hypernas.generators.hypernetworks.input import NetworkInput
from hypernas.generators.hypernetworks.network import WeightNetwork
from hypernas.generators.start.largest import fill_statistics, largest_subnet
from hypernas.generators.start.startable import Startable
from hypernas.generators.start.trained import Trained
from hypernas.generators.statistics import SharedStatistics, Statistics
from hypernas.subnet.subnet import Subnet
from hypernas.subnet.supernet import Supernet


class FullHypernetwork(Generator, Startable):
    """W_p(a) = (θ_0p + h_p(E(a))) [ I_p(a) ], for every parameter p of an architecture a, under a condition if E reads one.

    The network h writes weights of the largest shapes, of which a subnet takes its slices. θ_0 is
    one tensor for each parameter of the target, by its name, and starts as the builder's own
    initialisation: norm scales at 1, zeros where the builder has zeros, tied weights once.

    Without independent weights θ_0 is not trained and holds only what the builder sets to a constant
    (norm scales, biases of zero); all that the builder draws at random is left to the network. Then
    nothing decays, as one network writes matrices and vectors alike.

    Args:
        supernet: the space's largest shapes.
        inputs: E.
        network: h.
        independent: train θ_0.
        network_lr_scale: learning rate of the network, relative to that of θ_0. A step of the
            network moves all weights together, so it may need a smaller one.
        seed: of θ_0.

    Raises:
        ValueError: if the network does not return one number for each weight.
    """

    def __init__(
        self,
        supernet: Supernet,
        *,
        inputs: NetworkInput,
        network: WeightNetwork,
        independent: bool = True,
        network_lr_scale: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(supernet.space, supernet=supernet, condition_dim=inputs.condition_dim)
        self.network = network
        self.independent = independent
        self.network_lr_scale = network_lr_scale
        self.theta_0 = nn.Module()
        for name, tensor in supernet.draw(seed).items():
            if independent:
                self.theta_0.register_parameter(key(name), nn.Parameter(tensor))
            else:
                self.theta_0.register_buffer(key(name), tensor)
        if not independent:
            for name, other in supernet.draw(seed, 1).items():
                tensor = self.theta_0.get_buffer(key(name))
                tensor[tensor != other] = 0
        self._shapes = dict(supernet.shapes)
        self._inputs = inputs
        self._statistics = SharedStatistics(supernet)
        self._sizes = [math.prod(shape) for shape in supernet.shapes.values()]
        with torch.no_grad():
            emitted = network(inputs(self.space.largest())).shape
        if emitted != (sum(self._sizes),):
            raise ValueError(
                f"the network must return the {sum(self._sizes)} weights of the largest shapes, "
                f"shape ({sum(self._sizes)},), got {tuple(emitted)}."
            )
        base = "independent weights + " if independent else ""
        self.assignment = dict.fromkeys(supernet.shapes, base + network.words())
        read = (*network.taxonomy.inputs, *(["condition"] if inputs.condition_dim else []))
        self.taxonomies = (replace(network.taxonomy, inputs=read),)

    def generate(self, subnets: Sequence[Subnet]) -> list[dict[str, Tensor]]:
        return [self._weights(subnet) for subnet in subnets]

    def _weights(self, subnet: Subnet) -> dict[str, Tensor]:
        deltas = self.deltas(subnet)
        return {
            name: where(getattr(self.theta_0, key(name))) + where(deltas[name])
            for name, where in subnet.slices.weights.items()
        }

    def deltas(self, architecture: Given) -> dict[str, Tensor]:
        """h(E(a)): parameter name -> what the network writes, of the largest shape."""
        emitted = self.network(self.inputs(architecture))
        return {
            name: part.view(shape)
            for (name, shape), part in zip(
                self._shapes.items(), emitted.split(self._sizes), strict=True
            )
        }

    def inputs(self, architecture: Given) -> Tensor:  # shape: (E,)
        """The input that the network reads of an architecture, on our device and dtype."""
        subnet = self.subnet(architecture)
        if self.condition_dim:
            return self._inputs.of(subnet.features)
        return subnet.derived(self, lambda: self._inputs(subnet.architecture).to(subnet.features))

    def statistics(self, architecture: Given) -> Statistics:
        """Slices of running statistics shared by all subnets: views, wherever they can be."""
        subnet = self.subnet(architecture)
        return self._statistics(subnet, subnet.slices.statistics)

    def hold(self, trained: Trained) -> None:
        """Change θ_0 such that the largest architecture has these weights.

        Raises:
            ValueError: without independent weights.
        """
        if not self.independent:
            raise ValueError(
                "a network alone cannot start at a trained module: independent=False leaves no θ_0 to "
                "hold its weights. Give independent=True."
            )
        deltas = self.deltas(largest_subnet(self))
        for name, weight in trained.weights.items():
            own = self.theta_0.get_parameter(key(name))
            own.copy_(weight.to(own.device).double() - deltas[name].double())
        fill_statistics(self, trained)

    def parameter_groups(self) -> list[ParameterGroup]:
        """θ_0's, of which matrices decay, and the network's, which does not."""
        own, network = list(self.theta_0.parameters()), list(self.network.parameters())
        scale = self.network_lr_scale
        groups = [
            ParameterGroup("matrices", [p for p in own if p.dim() > 1], decay=True),
            ParameterGroup("vectors", [p for p in own if p.dim() <= 1], decay=False),
            ParameterGroup("network", network, decay=False, lr_scale=scale),
        ]
        return [group for group in groups if group.parameters]


def starting_deviations(
    supernet: Supernet, inputs: NetworkInput, *, independent: bool, seed: int
) -> dict[str, float]:
    """Parameter name -> standard deviation at the start of what the network writes for it.

    Beside independent weights, as published with the magnitude-invariant parametrization: what is written for a matrix is
    `|E| / √fan_out` times as large as θ_0, fan_out being its first axis; vectors (biases, norms) get 0. There both are
    Kaiming-normal, θ_0 by its inputs, `gain / √fan_in`, and the last layer by the n weights of the matrix,
    `gain |E| / √n`. Here θ_0 is the builder's own draw, often smaller by its own gain, which so holds for what is written too. Alone,
    what the network writes is as large as the builder's own initialisation, the principle of Chang et
    al., "Principled Weight Initialization for Hypernetworks", ICLR 2020. What the builder sets to a
    constant gets 0 either way.
    """
    first, second = supernet.draw(seed), supernet.draw(seed, 1)
    own = {n: ((t - second[n]).square().mean() / 2).sqrt().item() for n, t in first.items()}
    if not independent:
        return own
    return {
        name: own[name] * inputs.size / math.sqrt(shape[0]) if len(shape) > 1 else 0.0
        for name, shape in supernet.shapes.items()
    }
