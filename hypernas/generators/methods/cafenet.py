"""CafeNet: weight sharing with locally free channels."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.generators.banks.bank import PerParameterBank
from hypernas.generators.coefficients.source import Constant
from hypernas.generators.composite import makers
from hypernas.generators.generator import Generator, Given
from hypernas.generators.mixture import Mixture
from hypernas.generators.selection.channels import Tied, channels_by_size, tied_channels
from hypernas.generators.selection.free_channels import FreeChannels
from hypernas.generators.start.start import start_at
from hypernas.generators.start.trained import Start
from hypernas.space import SearchSpace
from hypernas.subnet.arguments import Arguments
from hypernas.subnet.supernet import Supernet


@checked
def cafenet(
    space: SearchSpace,
    *,
    radius: int = 1,
    num_candidates: int = 2,
    channels: Sequence[Tied] | None = None,
    seed: int = 0,
    start: Start | None = None,
) -> Mixture:
    """One shared weight for each parameter; the channels near a width's boundary are chosen.

    Su et al., 2021, arXiv 2102.05258; see `FreeChannels` for the method and where we deviate.
    Training chooses by itself; before a subnet is evaluated, `choose_channels` may look further.

    Args:
        radius: r, free channels at each boundary; 0 is plain weight sharing.
        num_candidates: random choices tried at a step, each for the price of a forward pass.
        channels: which axes run over the same channels (see `tied_channels`), so that each group
            chooses for itself; None lets all axes of one largest size choose together.
        seed: of the initialisation, which is the builder's own.
        start: a trained module that the largest subnet starts as (see `start_at`).

    Raises:
        ValueError: if channels cannot be tied as given.
    """
    supernet = Supernet(space)
    groups = channels_by_size(supernet) if channels is None else tied_channels(supernet, channels)
    generator = Mixture(
        supernet,
        bank=PerParameterBank(supernet, seed=seed),
        source=Constant(),
        slicer=FreeChannels(
            supernet, channels=groups, radius=radius, num_candidates=num_candidates
        ),
    )
    return start_at(generator, start)


@checked
def has_free_channels(generator: Generator) -> bool:
    """True if any slices of a generator leave channels to `choose_channels`."""
    return any(isinstance(part, FreeChannels) for part in generator.modules())


@checked
def choose_channels(
    generator: Generator,
    architecture: Given,
    inputs: Any,  # of a batch
    *,
    loss: Callable[[Any], Tensor],
    rng: torch.Generator,
) -> None:
    """Choose the free channels of an architecture, in place, by the loss (see `FreeChannels`).

    Where nothing is free, nothing is computed. Gradients, norm statistics and torch's global generators
    are not touched; candidates are compared under the same dropout.

    Args:
        inputs: of a batch: see `Arguments`.
        loss: outputs of the subnet -> what is to be small, shape ().
        rng: of the candidates, on the CPU.
    """
    subnet, given = generator.subnet(architecture), Arguments.of(inputs)
    gpus = [generator.device] if generator.device.type == "cuda" else []

    @torch.no_grad()
    def measure() -> float:
        copies = generator.statistics(subnet).clones()
        with torch.random.fork_rng(devices=gpus):
            outputs = generator.call(subnet, given, statistics=copies)
        return float(loss(outputs))

    for maker in makers(generator, subnet):
        if isinstance(maker, Mixture) and isinstance(maker.slicer, FreeChannels):
            maker.slicer.choose(maker.subnet(subnet), measure, rng)
