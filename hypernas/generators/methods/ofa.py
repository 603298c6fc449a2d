"""Once-for-All: weight sharing with learned kernel transforms."""

from collections.abc import Sequence

from hypernas.generators.banks.bank import PerParameterBank
from hypernas.generators.coefficients.source import Constant
from hypernas.generators.mixture import Mixture
from hypernas.generators.selection.kernel_transforms import KernelTransforms
from hypernas.generators.start.start import start_at
from hypernas.generators.start.trained import Start
from hypernas.space import SearchSpace
from hypernas.subnet.supernet import Supernet


def ofa(
    space: SearchSpace,
    *,
    transforms: Sequence[str] | str | None = "*",
    seed: int = 0,
    start: Start | None = None,
) -> Mixture:
    """One shared weight for each parameter; smaller kernels are learned maps of larger ones.

    The supernet of Once-for-All (Cai et al., 2020, arXiv 1908.09791). Its other parts are a
    sampler's (progressive shrinking: spaces or samplers that grow), an objective's (distillation)
    and `sort_channels`, to be called before widths become elastic.

    Args:
        transforms: patterns of the convolutions with maps between kernel sizes (see
            `KernelTransforms`), of those whose kernels vary; None for none.
        seed: of the initialisation, which is the builder's own.
        start: a trained module that the largest subnet starts as (see `start_at`).

    Raises:
        ValueError: if a pattern matches no varying kernel.
    """
    supernet = Supernet(space)
    generator = Mixture(
        supernet,
        bank=PerParameterBank(supernet, seed=seed),
        source=Constant(),
        slicer=KernelTransforms(supernet, transforms=transforms),
    )
    return start_at(generator, start)
