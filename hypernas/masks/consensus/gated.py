"""A network whose layers, channels or experts are switched by gates."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from hypernas.border import checked
from hypernas.generators.banks.bank import key
from hypernas.generators.methods.patterns import matching
from hypernas.masks.consensus.channels import Channels
from hypernas.masks.consensus.experts import Experts
from hypernas.masks.consensus.layers import Layers
from hypernas.masks.consensus.level import Level

LevelName = Literal["channel", "layer", "expert"]


@dataclass(frozen=True)
class GatedOutputs:
    """The outputs of a network, and the gates that it had.

    Attributes:
        outputs: the network's own.
        gates: of all layers side by side, shape (N, G), each 0 or 1.
    """

    outputs: Any
    gates: Tensor


class GatedNetwork(nn.Module):
    """A network, unchanged, and gates of some of its layers.

    Gates act through hooks that are there during a call alone. The network is `network`, so its parameters are called
    `network.` and their own name.

    Args:
        modules: patterns of the names of the gated layers.
        level: channels of a layer's outputs; whole layers, which are skipped; or experts, copies of a layer that
            are mixed.
        num_experts: of each layer at level "expert".
        hidden_dim: units of the hidden layer of a gate.
        bias: of the gates at the start, above 0: most are on.
        axis: of the channels of a layer's inputs and outputs.
        examples: of a batch, one after the other, that have one decision, by what their layers are given on average. At
            level "expert" they share one set of weights, mixed for them.

    Raises:
        ValueError: if a pattern matches no layer, or one does not tell its channels.
    """

    @checked
    def __init__(
        self,
        network: nn.Module,
        *,
        modules: Sequence[str] | str,
        level: LevelName = "channel",
        num_experts: int = 4,
        hidden_dim: int = 16,
        bias: float = 2.0,
        axis: int = 1,
        examples: int = 1,
    ) -> None:
        super().__init__()
        makers = {"channel": Channels, "layer": Layers, "expert": partial(Experts, num=num_experts)}
        if level not in makers or bias <= 0 or min(num_experts, examples) < 1:
            raise ValueError(
                f"level must be one of {list(makers)}, bias above 0, num_experts and examples 1 or more, got "
                f"level={level!r}, bias={bias}, num_experts={num_experts}, examples={examples}."
            )
        layers = {name: layer for name, layer in network.named_modules() if name}
        self.names = matching(layers, modules, purpose="modules")
        self.level, self.examples = level, examples
        self.network = network
        make = partial(makers[level], hidden_dim=hidden_dim, bias=bias, axis=axis)
        self.gates = nn.ModuleDict({key(name): make(layers[name], name) for name in self.names})

    def level_of(self, name: str) -> Level:
        """The gates of a layer."""
        return cast(Level, self.gates[key(name)])

    def forward(self, *inputs: Any, **keywords: Any) -> GatedOutputs:
        found: dict[str, Tensor] = {}
        with self._switching(found, None):
            outputs = self.network(*inputs, **keywords)
        if lacking := [name for name in self.names if name not in found]:
            raise ValueError(f"the layers {lacking} have gates, but were not called.")
        return GatedOutputs(outputs, torch.cat([found[name] for name in self.names], 1))

    def under(
        self,
        kept: Mapping[str, Tensor],  # name of a layer -> truth values, shape (G,)
        *inputs: Any,
        **keywords: Any,
    ) -> Any:
        """The network's own outputs under constant gates."""
        with self._switching({}, kept):
            return self.network(*inputs, **keywords)

    @property
    def num_ungated(self) -> int:
        """The parameters of the network and of experts beside it, without those that decide."""
        gates = [self.level_of(name).gate for name in self.names]
        deciding = sum(p.numel() for gate in gates for p in gate.parameters())
        return sum(p.numel() for p in self.parameters()) - deciding

    @contextlib.contextmanager
    def _switching(
        self, found: dict[str, Tensor], kept: Mapping[str, Tensor] | None
    ) -> Iterator[None]:
        """While it lasts, gates act: those of the inputs, which are kept in `found`, or given ones."""

        def hook(name: str, module: nn.Module, inputs: tuple[Any, ...], outputs: Tensor) -> Tensor:
            if name in found:
                raise ValueError(f"{name} has gates, so it must be called once, but was again.")
            if not inputs:
                raise ValueError(f"{name} has gates, which read its first positional argument.")
            level = self.level_of(name)
            if kept is None:
                gates = level.gate(inputs[0], self.examples)
            else:
                gates = kept[name].to(outputs)[None]
            found[name] = gates
            return level.switched(inputs[0], outputs, gates)

        layers = {name: self.network.get_submodule(name) for name in self.names}
        handles = [layer.register_forward_hook(partial(hook, n)) for n, layer in layers.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
