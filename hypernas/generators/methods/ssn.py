"""Shapeshifter networks: a supernet in as many parameters as one likes."""

import math
from collections.abc import Sequence
from typing import Literal

import torch

from hypernas.generators.banks.bank import JoinedBank, PerParameterBank
from hypernas.generators.banks.draws import Starts
from hypernas.generators.banks.flat import FlatBank, Upsample
from hypernas.generators.coefficients.learned import Free, orthogonal
from hypernas.generators.methods.patterns import matching
from hypernas.generators.mixture import Mixture
from hypernas.generators.start.start import start_at
from hypernas.generators.start.trained import Start
from hypernas.space import SearchSpace
from hypernas.subnet.supernet import Supernet


def ssn(
    space: SearchSpace,
    *,
    max_parameters: int | None = None,
    max_candidates: int = 2,
    combine: Literal["weighted", "average"] = "weighted",
    upsample: Upsample = "linear",
    share: Sequence[str] | str = "*",
    coefficient_lr_scale: float = 1.0,
    seed: int = 0,
    start: Start | None = None,
) -> Mixture:
    """Every layer is made from one flat vector, whose length a budget of parameters sets.

    Plummer et al., "Neural Parameter Allocation Search", 2020, arXiv 2006.10598: a layer of n
    weights has min(max(1, budget // n), cap) candidates, averaged or mixed by coefficients that are
    filled orthogonally; a layer larger than the budget is upsampled. All layers are one group here;
    the paper also learns groups. We deviate in the offsets (see `FlatBank`), in a coefficient for
    single candidates too, and in that every layer starts as large as the builder makes it, for
    which an average of K candidates is √K times the mean.

    Args:
        max_parameters: the most the generator stores, vectors (biases, norms) and coefficients
            included; None for half as many as the largest subnet has.
        max_candidates: the cap on K; published are 2 to 8.
        combine: mix candidates by learned coefficients, or average them.
        upsample: see `FlatBank`.
        share: patterns of the parameters, of two or more axes, that are made from the vector.
        coefficient_lr_scale: learning rate of the coefficients, relative to that of the vector.
        seed: of the initialisation.
        start: a trained module that the largest subnet starts as (see `start_at`).

    Raises:
        ValueError: if the budget leaves nothing for the vector, or a pattern matches no parameter.
    """
    if combine not in ("weighted", "average"):
        raise ValueError(f"combine must be weighted or average, got {combine!r}.")
    if max_candidates < 1:
        raise ValueError(f"max_candidates must be 1 or more, got {max_candidates}.")
    supernet = Supernet(space)
    starts = Starts(supernet, seed=seed)
    weights = {name: math.prod(shape) for name, shape in supernet.shapes.items()}
    matrices = [name for name, shape in supernet.shapes.items() if len(shape) > 1]
    flat = starts.random(matching(matrices, share, purpose="share"))
    rest = [name for name in weights if name not in flat]
    budget = sum(weights.values()) // 2 if max_parameters is None else max_parameters
    available = budget - sum(weights[name] for name in rest)
    learned = combine == "weighted"

    def candidates(size: int) -> dict[str, int]:
        return {name: min(max(1, size // weights[name]), max_candidates) for name in flat}

    size = available - (sum(candidates(available).values()) if learned else 0)
    if size < 1 or not flat:
        raise ValueError(
            f"max_parameters={budget} leaves nothing to share: {budget - available} parameters are "
            f"stored as they are, and {available - size} are coefficients of {len(flat)} layers. "
            f"The largest subnet has {sum(weights.values())}."
        )
    size = min(size, sum(weights[name] for name in flat))
    num_entries = candidates(size)
    bank = FlatBank(
        supernet, starts, num_entries=num_entries, size=size, upsample=upsample, seed=seed
    )
    if learned:
        alike = [
            [n for n in flat if num_entries[n] == k] for k in sorted(set(num_entries.values()))
        ]
        initial = orthogonal(alike, num_entries=num_entries, scales=bank.scales, seed=seed)
    else:
        initial = {
            name: torch.full((k,), bank.scales[name] / math.sqrt(k))
            for name, k in num_entries.items()
        }
    generator = Mixture(
        supernet,
        bank=JoinedBank((bank, flat), (PerParameterBank(supernet, names=rest, seed=seed), rest)),
        source=Free(initial, learned=learned),
        coefficient_lr_scale=coefficient_lr_scale,
    )
    return start_at(generator, start)
