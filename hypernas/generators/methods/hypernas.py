"""The flagship: one hypernetwork writes the coefficients of every parameter."""

from collections.abc import Sequence

import torch

from hypernas.generators.banks.bank import PerParameterBank
from hypernas.generators.coefficients.hypernetwork import CoefficientHypernetwork
from hypernas.generators.coefficients.source import Gate
from hypernas.generators.methods.patterns import matching
from hypernas.generators.mixture import Mixture
from hypernas.generators.start.start import start_at
from hypernas.generators.start.trained import Start
from hypernas.space import SearchSpace
from hypernas.space.encoding import Encoding
from hypernas.subnet.supernet import Supernet


def hypernas(
    space: SearchSpace,
    *,
    num_experts: int = 3,
    experts: Sequence[str] | str | None = "*",
    gains: Sequence[str] | str | None = "*",
    offsets: Sequence[str] | str | None = "*",
    base: bool = True,
    gate: Gate = "linear",
    gate_scale: float = 0.0,
    spread: float = 1.0,
    hidden_dims: Sequence[int] = (64, 32),
    encode: bool = True,
    normalize: bool = False,
    centre: bool = True,
    reads_architecture: bool = True,
    coefficient_lr_scale: float = 0.03,
    condition_dim: int = 0,
    seed: int = 0,
    start: Start | None = None,
) -> Mixture:
    """W = gain_out ⊙ gain_in ⊙ (B_0 + Σ_k c_k B_k), all coefficients from one hypernetwork.

    A shared base as in weight sharing, K experts beside it as in Mixture-of-Supernets (Jawahar et
    al., 2023, arXiv 2306.04845), and gains of channels, all emitted by one network of the
    magnitude-invariant encoding of the architecture (Ortiz et al., 2023, arXiv 2304.07645). Biases
    and norms get an offset. Experts start as noise under gates of zero, as low-rank adapters do (Hu et al.,
    2021, arXiv 2106.09685), and gains at one: at the start every subnet is that of weight sharing, up to
    rounding (one expert beside a base: with linear gates), and without a base too but for sigmoid gates. The other way round, experts of zero under random
    gates (`gate_scale=1, spread=0`), trains worse on little data (see experiments/ablation): every expert learns from
    the first step on, for architectures that nothing but chance put together.

    The defaults are for little data. Where data are plenty, `centre=False` does a little better: by 0.011 nats
    of 2.1 on characters (see experiments/ablation_transformer).

    Args:
        num_experts: K, beside the base.
        experts, gains: patterns of the parameters, of two or more axes, that get them; None for none.
        offsets: patterns of the parameters of one axis that get an offset.
        base: False leaves the experts alone to make the weights.
        gate: linear, softmax or sigmoid.
        gate_scale: size of what makes the gates at the start.
        spread: how far experts start from zero (see `PerParameterBank`); not 0 where `gate_scale` is.
        hidden_dims: of the hypernetwork.
        encode, normalize, centre: see `CoefficientHypernetwork`.
        reads_architecture: False gives it a constant in the place of the architecture, the control of what is gained
            by reading that: all else of a comparison is alike.
        coefficient_lr_scale: factor of what the last layer of the hypernetwork emits, which is stored divided
            by it: with Adam, its learning rate relative to that of the bank, whatever groups an optimizer is
            given. A coefficient moves by the sum of all hidden units a step, a weight by one: the default is
            about one over their number, so that both move alike. Faster coefficients fall behind sharing in
            short training without a warm-up (see experiments/plain_optimizer).
        condition_dim: numbers the hypernetwork reads beside the architecture (see `Generator`); with
            `encode` best in [0, 1].
        seed: of the initialisation.
        start: a trained module that the largest subnet starts as (see `start_at`).

    Raises:
        ValueError: if a pattern matches no parameter, experts could never learn, or never differ, or the
            scale is not above 0.
    """
    dead = base and gate == "linear"  # gates start at zero
    if experts is not None and gate_scale == 0 and spread == 0 and (dead or num_experts > 1):
        told = (
            "of zero under gates of zero have no gradient" if dead else "that are alike stay alike"
        )
        raise ValueError(
            f"gate_scale and spread are both 0: experts {told}. "
            f"Give one of them, as by default spread=1."
        )
    _check_scale(coefficient_lr_scale)
    supernet, dim = Supernet(space), Encoding(space).dim
    matrices = [name for name, shape in supernet.shapes.items() if len(shape) > 1]
    vectors = [name for name, shape in supernet.shapes.items() if len(shape) == 1]
    num = dict.fromkeys(matching(matrices, experts, purpose="experts"), num_experts)
    generator = Mixture(
        supernet,
        bank=PerParameterBank(supernet, num_experts=num, base=base, spread=spread, seed=seed),
        source=CoefficientHypernetwork(
            supernet,
            num_features=dim + condition_dim,
            num_experts=num,
            gains=matching(matrices, gains, purpose="gains"),
            offsets=matching(vectors, offsets, purpose="offsets"),
            base=base,
            hidden_dims=hidden_dims,
            gate=gate,
            gate_scale=gate_scale,
            encode=encode,
            normalize=normalize,
            centre=centre,
            lr_scale=coefficient_lr_scale,
            num_constant=0 if reads_architecture else dim,
            rng=torch.Generator().manual_seed(seed),
        ),
        condition_dim=condition_dim,
    )
    return start_at(generator, start)


def _check_scale(coefficient_lr_scale: float) -> None:
    if not coefficient_lr_scale > 0:
        raise ValueError(
            f"coefficient_lr_scale must be above 0, got {coefficient_lr_scale}: the last layer is stored "
            f"divided by it. To hold coefficients, set requires_grad=False on generator.source."
        )
