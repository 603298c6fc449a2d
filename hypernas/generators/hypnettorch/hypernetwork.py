"""A generator as a hypernetwork of hypnettorch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hypernas.border import checked
from hypernas.generators import Generator
from hypernas.generators.hypnettorch.network import import_hnets
from hypernas.space.architecture import Architecture

_Interface = import_hnets().HyperNetInterface
_FORMATS = ("flattened", "sequential", "squeezed")


@checked
def as_hypnettorch(
    generator: Generator, architectures: Iterable[Mapping[str, Any]] | None = None
) -> "HypnettorchHypernetwork":
    """A generator behind the interface that hypnettorch's main networks and regularisers expect.

        hnet = as_hypnettorch(generator, space.enumerate())
        logits = mnet.forward(x, weights=hnet.forward(cond_id=0))

    Args:
        architectures: those that condition 0, 1, ... stand for; by default the largest alone.

    Raises:
        ValueError: if there is none, or one is not of the generator's space.
    """
    if architectures is None:
        architectures = [generator.space.largest()]
    return HypnettorchHypernetwork(generator, architectures)


class HypnettorchHypernetwork(nn.Module, _Interface):
    """hypnettorch's `HyperNetInterface` around a generator: conditions are architectures.

    The weights of a condition come in the order of the target's parameters; for a space of
    `main_network_space` that is the order of the main network's `param_shapes`. Conditions may differ
    in shapes; `target_shapes` are those of the first. All parameters are unconditional, and are those
    of the generator, which is a submodule.
    """

    def __init__(self, generator: Generator, architectures: Iterable[Mapping[str, Any]]) -> None:
        nn.Module.__init__(self)
        _Interface.__init__(self)
        self.generator = generator
        self.architectures = [generator.space.architecture(a) for a in architectures]
        if not self.architectures:
            raise ValueError("conditions stand for architectures: give one or more.")
        for architecture in self.architectures:  # parameters that appear in training exist now
            generator(architecture)
        self._names = [name for name, _ in generator.named_parameters()]
        # what hypnettorch wants of every hypernetwork
        self._internal_params = list(generator.parameters())
        self._param_shapes = [list(p.shape) for p in self._internal_params]
        everything = list(range(len(self._internal_params)))
        self._param_shapes_meta = [{"name": None, "index": i, "layer": -1} for i in everything]
        self._unconditional_param_shapes_ref = everything
        first = generator.subnet(self.architectures[0]).target.module
        self._target_shapes = [list(p.shape) for p in first.parameters()]
        self._num_known_conds = len(self.architectures)
        self._has_bias = self._has_fc_out = self._mask_fc_out = False
        self._has_linear_out = True
        self._layer_weight_tensors, self._layer_bias_vectors = [], []  # nothing to initialise anew
        self._is_properly_setup()

    def forward(
        self,
        uncond_input: None = None,
        cond_input: None = None,
        cond_id: int | Mapping[str, Any] | Sequence[int | Mapping[str, Any]] | None = None,
        weights: Sequence[Tensor] | Mapping[str, Sequence[Tensor]] | None = None,
        distilled_params: None = None,
        condition: Any = None,
        ret_format: str = "squeezed",
    ) -> Tensor | list[Tensor] | list[list[Tensor]]:
        """The weights of one or several conditions.

        Args:
            cond_id: the number of a condition, or an architecture, or a list of these.
            weights: used in place of the generator's parameters: all of them, in the order of
                `internal_params`, as a list or as {"uncond_weights": list}.
            condition: not used.
            ret_format: flattened (one row a condition), sequential (a list for each condition), or
                squeezed (the same, but one list alone for one condition).

        Raises:
            ValueError: if there is another input than `cond_id`, a condition is not known, the
                weights are not all there, or conditions of different shapes are to be flattened.
        """
        if uncond_input is not None or cond_input is not None or distilled_params is not None:
            raise ValueError("a generator reads architectures only: give cond_id and nothing else.")
        if cond_id is None:
            raise ValueError("give cond_id, the number of a condition or an architecture.")
        if ret_format not in _FORMATS:
            raise ValueError(f"ret_format must be one of {list(_FORMATS)}, got {ret_format!r}.")
        conditions = [cond_id] if isinstance(cond_id, int | Mapping) else list(cond_id)
        parameters = self._parameters_from(weights)
        generated = []
        for condition in conditions:
            architecture = self._architecture(condition)
            found = functional_call(self.generator, parameters, (architecture,))
            generated.append(list(found.values()))
        return self.convert_out_format(generated, "sequential", ret_format)

    def _architecture(self, condition: int | Mapping[str, Any]) -> Architecture:
        if isinstance(condition, Mapping):
            return self.generator.space.architecture(condition)
        if not 0 <= condition < len(self.architectures):
            raise ValueError(
                f"condition {condition} is not known, there are {len(self.architectures)}."
            )
        return self.architectures[condition]

    def _parameters_from(
        self, weights: Sequence[Tensor] | Mapping[str, Sequence[Tensor]] | None
    ) -> dict[str, Tensor]:
        if weights is None:
            return {}
        if isinstance(weights, Mapping):
            if weights.get("cond_weights"):
                raise ValueError("a generator has no conditional weights: leave them out.")
            weights = weights.get("uncond_weights", self._internal_params)
        if len(weights) != len(self._names):
            raise ValueError(f"expected {len(self._names)} weights, got {len(weights)}.")
        return dict(zip(self._names, weights, strict=True))

    def convert_out_format(self, hnet_out: Any, src_format: str, trgt_format: str) -> Any:
        """Turn weights from one format of `forward` into another.

        hypnettorch's own returns nothing where weights come flattened.
        """
        if src_format == "flattened":
            sizes = [torch.Size(shape).numel() for shape in self.target_shapes]
            rows = [row.split(sizes) for row in hnet_out]
            hnet_out = [
                [part.view(shape) for part, shape in zip(row, self.target_shapes, strict=True)]
                for row in rows
            ]
        elif hnet_out and isinstance(hnet_out[0], Tensor):
            hnet_out = [hnet_out]
        if trgt_format == "squeezed" and len(hnet_out) == 1:
            return hnet_out[0]
        if trgt_format != "flattened":
            return hnet_out
        flat = [torch.cat([weight.flatten() for weight in weights]) for weights in hnet_out]
        if len({len(row) for row in flat}) > 1:
            raise ValueError(
                "the conditions differ in their number of weights, so they cannot be flattened into "
                "one tensor: ask for ret_format='sequential'."
            )
        return torch.stack(flat)

    def distillation_targets(self) -> None:
        return None
