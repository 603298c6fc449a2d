"""The flagship's coefficients: one hypernetwork of the architecture emits all of them."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from hypernas.generators.coefficients.emission import Shape, emit
from hypernas.generators.coefficients.source import CoefficientSource, Gate, activate
from hypernas.generators.hidden_layers import hidden_units, linear
from hypernas.generators.taxonomy import Taxonomy
from hypernas.mixing import Coefficients
from hypernas.space import SearchSpace
from hypernas.space.encoding import Encoding, mip
from hypernas.subnet.cache import Cache
from hypernas.subnet.supernet import Supernet

_LATER = ("gain_out", "gain_in", "offset")  # fields of coefficients, in their order
_NUM_SAMPLES = 64  # architectures that stand for the whole space


class CoefficientHypernetwork(CoefficientSource):
    """c(a) = θ_0 + h(E(a)) - mean_s h(E(s)): gates, gains and offsets of every parameter at once.

    The magnitude-invariant parametrization (Ortiz et al., 2023, arXiv 2304.07645) applied to
    coefficients instead of weights: E is the cos/sin encoding, h a network without biases at the
    start and with positively homogeneous activations, θ_0 the bias of its last layer. Hidden layers
    start Kaiming-normal by their inputs, which keeps hidden units of the order of 1 for any number
    of features; h starts at 0 for gains and offsets, and for gates with Σ_k c_k² ≈ gate_scale²
    before centring. Without a base, gates start around 1/K, linear ones with a sum of exactly 1.

    Centring, which is ours, takes off the mean over the space, so that what is common to all
    architectures is learned by the bank alone and the hypernetwork writes only what tells them apart
    (of softmax and sigmoid gates it is the logits that are centred);
    θ_0 would repeat the bank and stays where it starts. Otherwise the common part drifts: with Adam
    it moves by the sum of all hidden units a step. `centre=False` is the parametrization as published.

    The last layer is stored divided by `lr_scale` and used times it. The function at the start is the same
    for any, its gradients are `lr_scale` times as large, and what a step of the last layer does to coefficients
    is `lr_scale` times as much under Adam, its square under plain descent: as large as a
    step of a weight, with any optimizer, where the scale is one over the number of hidden units.

    Args:
        supernet: the largest shapes.
        num_features: D, of the encoding and of the condition beside it.
        num_experts: parameter name -> K, for those with gates.
        gains: parameters of two or more axes whose output and input channels get gains 1 + c.
        offsets: parameters of one axis that get an offset.
        base: whether the bank has a shared entry before the experts; its coefficient is 1.
        hidden_dims: widths of the trunk.
        gate: see `activate`.
        gate_scale: size of the gates at the start (with softmax and sigmoid, of their logits).
        encode: the cos/sin map; False feeds the plain features.
        normalize: divide the encoding by √D (see `hypernas.space.encoding.mip`); the first layer starts √D
            times as large then, so that only its learning differs.
        centre: take off the mean over the space: over all architectures where there are up to 64, else
            over 64 drawn as in training, choice by choice, among them the largest and the smallest; with a
            condition of zeros.
        lr_scale: factor of what the last layer emits, above 0.
        num_constant: features, from the first, in whose place it reads a constant, the middle of their range. D of
            the encoding is the control of what is learned from the architecture: a network that reads none emits
            the same coefficients for all of them, which is weight sharing in another parametrization, and centred
            weight sharing itself.
        rng: of the initialisation.
    """

    _version = 2  # torch keeps it in state dicts; in version 1 the last layer was not divided
    bias: Tensor
    _space: Tensor
    _places: Tensor | None

    def __init__(
        self,
        supernet: Supernet,
        *,
        num_features: int,
        num_experts: Mapping[str, int],
        gains: Sequence[str],
        offsets: Sequence[str],
        base: bool,
        hidden_dims: Sequence[int],
        gate: Gate,
        gate_scale: float,
        encode: bool,
        normalize: bool,
        centre: bool,
        lr_scale: float,
        rng: torch.Generator,
        num_constant: int = 0,
    ) -> None:
        super().__init__()
        self.lr_scale, self.num_constant = lr_scale, num_constant
        self.taxonomy = _taxonomy(supernet.space, num_constant)
        self.base, self.encode, self.normalize = base, encode, normalize
        activate(torch.zeros(1), gate)  # refuses an unknown one now
        self.gate: Gate = gate
        self.centre = centre
        self.pieces = _pieces(supernet, num_experts, gains=gains, offsets=offsets)
        widths = [num_features * (2 if encode else 1), *hidden_units(hidden_dims)]
        first = 1 / math.sqrt(num_features) if normalize else 1.0
        self.trunk = _trunk(widths, first=first, rng=rng)
        # emitted are the gates of all parameters, those with as many experts side by side; then the rest
        self._gated: dict[int, list[str]] = {}  # K -> parameters
        for name, wanted in self.pieces.items():
            if "experts" in wanted:
                self._gated.setdefault(wanted["experts"], []).append(name)
        later = [
            (kind, num)
            for wanted in self.pieces.values()
            for kind, num in wanted.items()
            if kind != "experts"
        ]
        gates = [num for num, names in self._gated.items() for _ in names]
        starts = [torch.zeros(num) for num in gates]
        starts += [torch.full((num,), float(kind != "offset")) for kind, num in later]
        bias = torch.cat(starts or [torch.zeros(0)])  # θ_0
        self.weight = nn.Parameter(torch.zeros(len(bias), widths[-1]))
        samples = torch.zeros(0, num_features)
        if centre:
            self.register_buffer("bias", bias, persistent=False)
            samples = _samples(supernet.space)
            samples = nn.functional.pad(samples, (0, num_features - samples.shape[1]))
        else:
            self.bias = nn.Parameter(bias)
        self.register_buffer("_space", samples, persistent=False)  # (S, D)
        self._remembered = Cache(1)
        self._sizes, places = self._emitted([num for _, num in later])
        self.register_buffer("_places", places, persistent=False)
        self._start_gates(gates, gate_scale=gate_scale, rng=rng)
        self.register_load_state_dict_pre_hook(_divide_undivided)

    def _emitted(self, later: Sequence[int]) -> tuple[list[int], Tensor | None]:
        """Sizes of the parts of the emitted vector, and where the last layer is in it, if the base's gates are too."""
        with_ones = self.base and self.gate == "linear"
        sizes = [(num + with_ones) * len(names) for num, names in self._gated.items()]
        gates = [num for num, names in self._gated.items() for _ in names]
        return [*sizes, *later], _places(gates, sum(later)) if with_ones else None

    @torch.no_grad()
    def _start_gates(
        self, sizes: Sequence[int], *, gate_scale: float, rng: torch.Generator
    ) -> None:
        """Draw the rows that emit gates, the first ones, of which each parameter has K."""
        rest = len(self.weight) - sum(sizes)
        parts = zip(
            sizes,
            self.weight.split([*sizes, rest]),
            self.bias.split([*sizes, rest]),
            strict=False,
        )
        for num, rows, biases in parts:
            # half of a hidden unit's second moment passes its activation
            deviation = gate_scale * math.sqrt(2 / (num * self.weight.shape[1])) / self.lr_scale
            rows.normal_(0, deviation, generator=rng)
            if not self.base and self.gate != "softmax":  # sums of 1, as those of a softmax
                rows -= rows.mean(0)
                even = torch.full_like(biases, 1 / num)
                biases.copy_(even if self.gate == "linear" else even.logit(eps=1e-3))

    def forward(self, features: Tensor) -> list[dict[str, Coefficients]]:
        space = self._encoded_space() if self.centre else None
        shape = Shape(self.lr_scale, self._places, sum(self._sizes))
        encoded = self._encoded(features)
        emitted = emit(shape, self.trunk, encoded, space, self.bias, self.weight)
        return [self._cut(row) for row in emitted.unbind(0)]

    def _encoded(self, features: Tensor) -> Tensor:
        if self.num_constant:
            read = features[..., self.num_constant :]
            features = nn.functional.pad(read, (self.num_constant, 0), value=0.5)
        return mip(features, normalize=self.normalize) if self.encode else features

    def _encoded_space(self) -> Tensor:  # shape: (S, D or 2 D)
        """The encodings of the sampled architectures, which never change, on their device and dtype."""
        space = self._space
        return self._remembered.get((space.device, space.dtype), lambda: self._encoded(space))

    def _cut(self, emitted: Tensor) -> dict[str, Coefficients]:
        """The coefficients of one architecture."""
        parts = iter(emitted.split(self._sizes))
        experts: dict[str, Tensor] = {}
        for num, names in self._gated.items():
            gates = next(parts)
            if self._places is None:
                gates = activate(gates.view(-1, num), self.gate)
                gates = nn.functional.pad(gates, (1, 0), value=1.0) if self.base else gates
            else:
                gates = gates.view(-1, num + 1)  # the base's among them
            experts.update(zip(names, gates.unbind(0), strict=True))
        return {
            name: Coefficients(
                experts.get(name), *(next(parts) if kind in wanted else None for kind in _LATER)
            )
            for name, wanted in self.pieces.items()
        }

    def words(self, name: str) -> str:
        wanted = self.pieces.get(name, {})
        parts = [f"{wanted['experts']} experts, {self.gate} gates"] if "experts" in wanted else []
        if parts and self.base:
            parts.insert(0, "shared base")
        parts += ["gains of channels"] if "gain_out" in wanted else []
        parts += ["offset"] if "offset" in wanted else []
        return " + ".join(parts)


def _divide_undivided(
    source: nn.Module, state: dict[str, Tensor], prefix: str, metadata: dict[str, Any], *_: Any
) -> None:
    """Divide the last layer of a state dict of version 1; one that tells none is of the present."""
    name = f"{prefix}weight"
    if metadata.get("version") == 1 and name in state:
        state[name] = state[name] / cast(CoefficientHypernetwork, source).lr_scale


def _taxonomy(space: SearchSpace, num_constant: int) -> Taxonomy:
    blind = num_constant >= Encoding(space).dim
    return Taxonomy("generate once", inputs=() if blind else ("architecture",))


def _pieces(
    supernet: Supernet,
    num_experts: Mapping[str, int],
    *,
    gains: Sequence[str],
    offsets: Sequence[str],
) -> dict[str, dict[str, int]]:
    """Parameter -> what it takes from the emitted vector, and how many numbers of each."""
    found: dict[str, dict[str, int]] = {}
    for name, shape in supernet.shapes.items():
        wanted = {"experts": num_experts.get(name, 0)}
        if name in gains:
            wanted |= {"gain_out": shape[0], "gain_in": shape[1]}
        if name in offsets:
            wanted |= {"offset": shape[0]}
        if any(wanted.values()):
            found[name] = {kind: num for kind, num in wanted.items() if num}
    return found


def _places(gates: Sequence[int], rest: int) -> Tensor:
    """Those of emitted numbers, where a one stands before the gates of each parameter."""
    starts = itertools.accumulate(gates, lambda before, num: before + num + 1, initial=1)
    places = [start + i for start, num in zip(starts, gates, strict=False) for i in range(num)]
    end = sum(gates) + len(gates)
    return torch.tensor([*places, *range(end, end + rest)], dtype=torch.long)


def _trunk(widths: Sequence[int], *, first: float, rng: torch.Generator) -> nn.Sequential:
    """Linear layers and leaky ReLUs, Kaiming-normal by their inputs, whose size at the first is given."""
    trunk = nn.Sequential()
    for fan_in, fan_out in itertools.pairwise(widths):
        deviation = math.sqrt(2 / fan_in) / (1.0 if len(trunk) else first)
        layer = linear(fan_in, fan_out, deviation=deviation, rng=rng)
        trunk.extend([layer, nn.LeakyReLU(0.01)])
    return trunk


def _samples(space: SearchSpace) -> Tensor:  # shape: (S, D)
    """The features of all architectures of a small space, else of some, always the same ones."""
    encoding = Encoding(space)
    if space.size <= _NUM_SAMPLES:
        return torch.stack([encoding(architecture) for architecture in space.enumerate()])
    rng = torch.Generator().manual_seed(0)
    drawn = [space.sample_choices(rng) for _ in range(_NUM_SAMPLES - 2)]
    return torch.stack([encoding(a) for a in (space.largest(), space.smallest(), *drawn)])
