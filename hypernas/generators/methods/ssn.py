"""Shapeshifter networks: a supernet in as many parameters as one likes."""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import torch

from hypernas.generators.banks.bank import Bank, JoinedBank, PerParameterBank
from hypernas.generators.banks.draws import Starts
from hypernas.generators.banks.flat import FlatBank, Upsample
from hypernas.generators.coefficients.learned import Free, orthogonal
from hypernas.generators.methods.layer_groups import alike, divided
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
    groups: Sequence[Sequence[str]] | Literal["learn"] | None = None,
    coefficient_lr_scale: float = 1.0,
    seed: int = 0,
    start: Start | None = None,
) -> Mixture:
    """Every layer is made from one flat vector, or one of its group, whose length a budget of parameters sets.

    Plummer et al., "Neural Parameter Allocation Search", 2020, arXiv 2006.10598: a layer of n
    weights has min(max(1, budget // n), cap) candidates, averaged or mixed by coefficients that are
    filled orthogonally; a layer larger than the budget is upsampled. Groups share the budget by the sizes of their
    layers, but a group of one layer stores it as it is. To learn them, train groups="learn" for a while and give its `layer_groups`. We deviate in the offsets (see `FlatBank`), in a coefficient for
    single candidates too, and in that every layer starts as large as the builder makes it, for
    which an average of K candidates is √K times the mean.

    Args:
        max_parameters: the most the generator stores, vectors (biases, norms) and coefficients
            included; None for half as many as the largest subnet has.
        max_candidates: the cap on K; published are 2 to 8.
        combine: mix candidates by learned coefficients, or average them.
        upsample: see `FlatBank`.
        share: patterns of the parameters, of two or more axes, that are made from the vector.
        groups: patterns of the layers of each group; None for one of all; "learn" for a supernet whose layers mix the same
            four candidates, which `layer_groups` tells groups of.
        coefficient_lr_scale: learning rate of the coefficients, relative to that of the vector.
        seed: of the initialisation.
        start: a trained module that the largest subnet starts as (see `start_at`).

    Raises:
        ValueError: if the budget leaves nothing for a vector, a pattern matches no parameter, or groups are no partition.
    """
    if combine not in ("weighted", "average"):
        raise ValueError(f"combine must be weighted or average, got {combine!r}.")
    if max_candidates < 1:
        raise ValueError(f"max_candidates must be 1 or more, got {max_candidates}.")
    supernet = Supernet(space)
    starts = Starts(supernet, seed=seed)
    matrices = [name for name, shape in supernet.shapes.items() if len(shape) > 1]
    layers = starts.random(matching(matrices, share, purpose="share"))
    parts = [layers] if groups is None or groups == "learn" else divided(layers, groups)
    sharing = [own for own in parts if len(own) > 1 or len(parts) == 1]
    every = [name for own in sharing for name in own]
    budget = _Budget(supernet, every, max_parameters, max_candidates, combine)
    if groups == "learn":
        size = budget.available
        made = alike(
            supernet, starts, layers=layers, size=size, scale=coefficient_lr_scale, seed=seed
        )
        return start_at(made, start)
    banks: list[tuple[Bank, list[str]]] = []
    initial: dict[str, torch.Tensor] = {}
    for i, own in enumerate(sharing):
        size, num_entries = budget.of(own)
        bank = FlatBank(
            supernet, starts, num_entries=num_entries, size=size, upsample=upsample, seed=seed + i
        )
        banks.append((bank, own))
        initial |= _initial(bank, learned=budget.learned, seed=seed + i)
    rest = PerParameterBank(supernet, names=budget.rest, seed=seed)
    generator = Mixture(
        supernet,
        bank=JoinedBank(*banks, (rest, budget.rest)),
        source=Free(initial, learned=budget.learned),
        coefficient_lr_scale=coefficient_lr_scale,
    )
    return start_at(generator, start)


class _Budget:
    """Numbers that each group of layers has, of all that may be stored.

    Args:
        layers: those that share.
        most: of all that is stored; None for half of what the largest subnet has.
        cap: of the candidates of a layer.
        combine: by learned coefficients, which are stored too, or by their mean.
    """

    def __init__(
        self, supernet: Supernet, layers: Sequence[str], most: int | None, cap: int, combine: str
    ) -> None:
        self._weights = {name: math.prod(shape) for name, shape in supernet.shapes.items()}
        self._layers, self._cap, self.learned = layers, cap, combine == "weighted"
        self.rest = [name for name in self._weights if name not in layers]
        every = sum(self._weights.values())
        self._most = every // 2 if most is None else most
        self.available = self._most - self._size(self.rest)
        self._check(self.available, layers)

    def of(self, group: Sequence[str]) -> tuple[int, dict[str, int]]:
        """Length of a group's vector, a share by its layers' sizes, and the candidates of each layer.

        Raises:
            ValueError: if nothing is left for the vector.
        """
        own = self._size(group)
        share = self.available * own // self._size(self._layers)
        size = share - (sum(self._candidates(group, share).values()) if self.learned else 0)
        self._check(size, group)
        return min(size, own), self._candidates(group, min(size, own))

    def _size(self, names: Iterable[str]) -> int:
        return sum(self._weights[name] for name in names)

    def _candidates(self, group: Sequence[str], size: int) -> dict[str, int]:
        return {name: min(max(1, size // self._weights[name]), self._cap) for name in group}

    def _check(self, size: int, group: Sequence[str]) -> None:
        if size >= 1 and group:
            return
        raise ValueError(
            f"max_parameters={self._most} leaves nothing to share: {self._size(self.rest)} parameters are stored as they "
            f"are, beside the coefficients of {len(group)} layers. The largest subnet has "
            f"{sum(self._weights.values())}."
        )


def _initial(bank: FlatBank, *, learned: bool, seed: int) -> dict[str, torch.Tensor]:
    """Coefficients at the start."""
    entries = bank.num_entries
    if not learned:
        return {n: torch.full((k,), bank.scales[n] / math.sqrt(k)) for n, k in entries.items()}
    equal = [[n for n in entries if entries[n] == k] for k in sorted(set(entries.values()))]
    return orthogonal(equal, num_entries=entries, scales=bank.scales, seed=seed)
