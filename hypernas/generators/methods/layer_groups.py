"""Groups of layers that share one vector: given by name, or learned from how a supernet mixes its layers."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from hypernas.border import checked
from hypernas.generators.banks.bank import JoinedBank, PerParameterBank
from hypernas.generators.banks.candidates import CandidateBank
from hypernas.generators.banks.draws import Starts
from hypernas.generators.coefficients.learned import Soft, orthogonal
from hypernas.generators.generator import Generator
from hypernas.generators.methods.patterns import matching
from hypernas.generators.mixture import Mixture
from hypernas.subnet.supernet import Supernet

_CANDIDATES = 4  # as published


def divided(layers: Sequence[str], groups: Sequence[Sequence[str]]) -> list[list[str]]:
    """The layers of each group, which patterns name.

    Raises:
        ValueError: if a pattern matches none, or a layer is in no group or in several.
    """
    found = [matching(layers, patterns, purpose="groups") for patterns in groups]
    times = {name: sum(name in own for own in found) for name in layers}
    if wrong := {name: num for name, num in times.items() if num != 1}:
        raise ValueError(
            f"every layer belongs to one group, but of {list(groups)} these are in so many: {wrong}."
        )
    return found


def alike(
    supernet: Supernet, starts: Starts, *, layers: Sequence[str], size: int, scale: float, seed: int
) -> Mixture:
    """A supernet of which all layers mix the same candidates, so that their coefficients tell which are like which.

    Args:
        supernet: the largest shapes.
        starts: the builder's initialisation.
        layers: the parameters that are made of candidates; the others are their own.
        size: of the vector of candidates.
        scale: learning rate of the coefficients, relative to that of the vector.
        seed: of the initialisation.
    """
    rest = [name for name in supernet.shapes if name not in layers]
    bank = CandidateBank(
        supernet,
        starts,
        names=layers,
        num=_CANDIDATES,
        size=size - _CANDIDATES * len(layers),
        seed=seed,
    )
    ones = dict.fromkeys(layers, 1.0)
    logits = orthogonal(
        [layers], num_entries=dict.fromkeys(layers, _CANDIDATES), scales=ones, seed=seed
    )
    factors = {
        name: bank.scales[name] / float(logits[name].softmax(0).norm()) for name in layers
    }  # of candidates that do not correlate
    return Mixture(
        supernet,
        bank=JoinedBank((bank, layers), (PerParameterBank(supernet, names=rest, seed=seed), rest)),
        source=Soft(logits, factors=factors),
        coefficient_lr_scale=scale,
    )


@checked
def layer_groups(generator: Generator, num: int, *, seed: int = 0) -> list[list[str]]:
    """The layers of `ssn` with groups="learn", once it is trained, by k-means of their coefficients.

    Plummer et al., 2020, arXiv 2006.10598: a supernet of one group is trained for a short while, with the same four candidates for
    each layer; layers whose coefficients are near each other become a group, `groups` of an `ssn` that is trained anew.

    Args:
        generator: the trained supernet.
        num: of groups; each layer is one if there are no more.
        seed: of the first centres.

    Returns:
        Names of parameters, by group: the group of the first layer first.

    Raises:
        ValueError: if the generator is another one, or there is less than one group.
    """
    source = getattr(generator, "source", None)
    if not isinstance(source, Soft):
        raise ValueError(
            f"groups of layers are learned from a supernet made by ssn(space, groups='learn'), got one that mixes by "
            f"{type(source).__name__}."
        )
    if num < 1:
        raise ValueError(f"there must be 1 or more groups, got {num}.")
    return _clusters({name: source.logits(name).detach() for name in source.names}, num, seed)


def _clusters(vectors: Mapping[str, Tensor], num: int, seed: int) -> list[list[str]]:
    from sklearn.cluster import KMeans  # takes seconds to import

    if len(vectors) <= num:
        return [[name] for name in vectors]
    rows = [vector.double().tolist() for vector in vectors.values()]
    labels = KMeans(n_clusters=num, n_init=10, random_state=seed).fit(rows).labels_
    found: dict[int, list[str]] = {}
    for name, label in zip(vectors, labels, strict=True):
        found.setdefault(int(label), []).append(name)
    return list(found.values())
