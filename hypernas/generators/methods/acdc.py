"""Atom-coefficient decomposed convolution: layers share how channels are combined."""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from torch.nn.modules.conv import _ConvNd

from hypernas.generators.banks.atoms import AtomBank
from hypernas.generators.banks.bank import JoinedBank, PerParameterBank
from hypernas.generators.banks.draws import Starts
from hypernas.generators.coefficients.source import Constant
from hypernas.generators.methods.patterns import matching
from hypernas.generators.mixture import Mixture
from hypernas.generators.start.start import start_at
from hypernas.generators.start.trained import Start
from hypernas.space import SearchSpace
from hypernas.subnet.supernet import Supernet

Scope = Literal["layer", "stage", "net"]


def acdc(
    space: SearchSpace,
    *,
    num_atoms: int = 8,
    scope: Scope = "stage",
    group_dim: int | None = None,
    share: Sequence[str] | str = "*",
    seed: int = 0,
    start: Start | None = None,
) -> Mixture:
    """Kernels of a few spatial atoms a layer, combined by coefficients that layers share.

    Wang et al., "ACDC: Weight Sharing in Atom-Coefficient Decomposed Convolution", 2020, arXiv
    2009.02386, over the largest shapes of a space, of which subnets take slices. Only kernels over
    space are decomposed; everything else, which is all of a target without convolutions, has weights
    of its own.

    Args:
        num_atoms: m, for each layer.
        scope: which kernels share coefficients: none (the decomposition alone), those of a stage (the
            outermost numbered module that holds them, as `stages.1`), or all of the net.
        group_dim: share also between groups of that many channels (see `AtomBank`); None for none.
        share: patterns of the kernels to decompose.
        seed: of the initialisation.
        start: a trained module that the largest subnet starts as (see `start_at`).

    Raises:
        ValueError: if a pattern matches no kernel, or for an unknown scope.
    """
    if num_atoms < 1 or (group_dim is not None and group_dim < 1):
        raise ValueError(
            f"num_atoms and group_dim must be 1 or more, got {num_atoms} and {group_dim}."
        )
    supernet = Supernet(space)
    starts = Starts(supernet, seed=seed)
    kernels = [
        name
        for name, shape in supernet.shapes.items()
        if isinstance(supernet.owner(name), _ConvNd) and math.prod(shape[2:]) > 1
    ]
    decomposed = starts.random(matching(kernels, share, purpose="share"))
    rest = [name for name in supernet.shapes if name not in decomposed]
    bank = AtomBank(
        supernet,
        starts,
        scopes=_scopes(decomposed, scope),
        num_atoms=num_atoms,
        group_dim=group_dim,
        seed=seed,
    )
    generator = Mixture(
        supernet,
        bank=JoinedBank(
            (bank, decomposed), (PerParameterBank(supernet, names=rest, seed=seed), rest)
        ),
        source=Constant(),
    )
    return start_at(generator, start)


def _scopes(names: Iterable[str], scope: Scope) -> list[list[str]]:
    if scope not in ("layer", "stage", "net"):
        raise ValueError(f"scope must be layer, stage or net, got {scope!r}.")
    scopes: dict[str, list[str]] = {}
    for name in names:
        path = name.split(".")
        end = next((i + 1 for i, part in enumerate(path) if part.isdigit()), 1)
        label = {"layer": name, "stage": ".".join(path[:end]), "net": ""}[scope]
        scopes.setdefault(label, []).append(name)
    return list(scopes.values())
