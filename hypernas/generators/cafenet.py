"""CafeNet: weight sharing with locally free channels."""

from collections.abc import Sequence

from hypernas.envelope import Envelope
from hypernas.generators.banks import PerParameterBank
from hypernas.generators.channels import Tied, channels_by_size, tied_channels
from hypernas.generators.coefficients import Constant
from hypernas.generators.free_channels import FreeChannels
from hypernas.generators.mixture import Mixture
from hypernas.space import SearchSpace


def cafenet(
    space: SearchSpace,
    *,
    radius: int = 1,
    num_candidates: int = 2,
    channels: Sequence[Tied] | None = None,
    seed: int = 0,
) -> Mixture:
    """One shared weight for each parameter; the channels near a width's boundary are chosen.

    Su et al., 2021, arXiv 2102.05258; see `FreeChannels` for the method and where we deviate.
    Training chooses by itself; before a subnet is evaluated, `settle` may look further.

    Args:
        radius: r, free channels at each boundary; 0 is plain weight sharing.
        num_candidates: random choices tried at a step, each for the price of a forward pass.
        channels: which axes run over the same channels (see `tied_channels`), so that each group
            chooses for itself; None lets all axes of one largest size choose together.
        seed: of the initialisation, which is the builder's own.

    Raises:
        ValueError: if channels cannot be tied as given.
    """
    envelope = Envelope(space)
    groups = channels_by_size(envelope) if channels is None else tied_channels(envelope, channels)
    return Mixture(
        envelope,
        bank=PerParameterBank(envelope, seed=seed),
        source=Constant(),
        slicer=FreeChannels(
            envelope, channels=groups, radius=radius, num_candidates=num_candidates
        ),
    )
