"""Net2Net: a wider and deeper network that computes what a small one does."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.generators import Generator, Mixture, shared
from hypernas.generators.methods.patterns import matching
from hypernas.growth.branches import branch_ends
from hypernas.growth.growth import Growth
from hypernas.growth.members import Members
from hypernas.growth.network import Factors
from hypernas.space import SearchSpace

# Legend: an axis of n channels becomes one of N; copies are the channels made from the same one.


@checked
@torch.no_grad()
def net2net(
    teacher: Generator | Sequence[Generator],
    space: SearchSpace,
    *,
    to: Mapping[str, Any] | str = "largest",
    noise: float = 0.01,
    divided: Sequence[str] | str = (),
    silent: Sequence[str] | str | None = None,
    seed: int = 0,
) -> Mixture:
    """Repeat the channels of a small network, and divide what reads them by the number of copies.

    Chen, Goodfellow and Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", 2016, arXiv
    1511.05641. In evaluation mode the outputs are those of the small network. We deviate in three
    ways. Channels are repeated in turn, j -> j mod n, not at random, so that every axis over the
    same channels (sums of residual branches, joined heads, flattened maps) agrees without knowing
    the graph; layer norms too are preserved, where N is a multiple of n. Not preserved are attention whose
    heads become wider (it divides by the root of that width), and group norms of several groups that do.
    The noise that makes copies
    differ adds up to zero over the copies of an input, so it changes no output. And a new layer is a
    residual branch whose end is zero (`silent`), all else in it as the builder draws it, in place of
    Net2DeeperNet's identity, which batch norms and most activations do not let through. A bare
    parameter of a user's module by which inputs are multiplied cannot be told from one that is added:
    `deviation` measures what is preserved.

    Args:
        teacher: a generator of one architecture, of any kind, or a list of just one.
        space, to: as in `grow`.
        noise: its deviation, in units of the root mean square of the weight.
        divided: patterns of parameters that are divided by the copies of their channels as well:
            those of the norm before a head that is tied to an embedding.
        silent: as in `grow`.
        seed: of the noise, and of the builder's draw of new layers.

    Raises:
        ValueError: if there are several teachers, the large architecture is smaller or not
            comparable, or a tied weight is read both ways and nothing is `divided`.
    """
    found = Members(teacher, space, to)
    if len(found.generators) > 1:
        raise ValueError(
            f"net2net widens one network, got {len(found.generators)}: give one of them."
        )
    grown = found.place(shared(found.target.space, seed=seed))
    (own,) = found.weights()
    (small,) = found.nets
    target = found.target
    tied = [name for name in target.tied if small.weights.get(name) != target.weights[name]]
    if tied and not divided:
        raise ValueError(
            f"{tied} are used in several places, so they cannot be divided for one of them: name "
            f"the parameters to divide instead, such as divided=['norm.weight', 'norm.bias'] for "
            f"the norm before a head that is tied to an embedding."
        )
    ends = branch_ends(target, found.nets, silent)
    extra = matching(target.weights, divided, purpose="divided")
    rng = torch.Generator().manual_seed(seed)
    for name, factors in target.weights.items():
        (weight,) = grown.bank(name)
        if name not in own:
            if name in ends:
                weight.zero_()
            continue
        wide = _repeated(own[name], small.weights[name], factors)
        axis = target.input_axis(name)
        if axis is not None:
            wide = _shared_out(
                wide, axis, small.weights[name][axis], factors[axis], noise=noise, rng=rng
            )
        if name in extra:
            shape = [len(wide) if i == 0 else 1 for i in range(wide.dim())]
            wide = wide / _copies(small.weights[name][0], factors[0]).to(wide).view(shape)
        weight.copy_(wide)
    statistics = grown.statistics(target.architecture).tensors
    before = found.generators[0].statistics(small.architecture).tensors
    for name, factors in target.statistics.items():
        if name in before:
            statistics[name].copy_(_repeated(before[name], small.statistics[name], factors))
    return grown


def _places(small: Sequence[int], large: Sequence[int]) -> Tensor:  # shape: (N,), of 0 to n - 1
    """The channel that each one of an axis is made from, factor by factor."""
    indices = torch.arange(math.prod(small)).view(tuple(small))
    for axis, size in enumerate(large):
        indices = indices.index_select(axis, torch.arange(size) % small[axis])
    return indices.flatten()


def _copies(small: Sequence[int], large: Sequence[int]) -> Tensor:  # shape: (N,)
    """Number of channels made from the same one as each."""
    places = _places(small, large)
    return places.bincount(minlength=math.prod(small))[places]


def _repeated(weight: Tensor, small: Factors, large: Factors) -> Tensor:
    for axis, pair in enumerate(zip(small, large, strict=True)):
        weight = weight.index_select(axis, _places(*pair).to(weight.device))
    return weight


def _shared_out(
    wide: Tensor,
    axis: int,
    small: Sequence[int],
    large: Sequence[int],
    *,
    noise: float,
    rng: torch.Generator,
) -> Tensor:
    """Divide what copies of an input are multiplied by, with noise that adds up to zero over them."""
    places, copies = _places(small, large), _copies(small, large)
    if int(copies.max()) == 1:
        return wide
    by = copies.view([-1 if i == axis else 1 for i in range(wide.dim())]).to(wide)
    size = noise * float(wide.square().mean().sqrt())
    drawn = (size * torch.randn(wide.shape, generator=rng)).to(wide)
    places = places.to(wide.device)
    total = torch.zeros_like(wide).index_add_(axis, places, drawn)  # the first n hold the sums
    return (wide + drawn - total.index_select(axis, places) / by) / by


class Net2Net(Growth):
    """One member of ordinary weights, whose channels are repeated: see `net2net`.

    Args:
        noise, divided, silent: see `net2net`.
    """

    def __init__(
        self,
        *,
        noise: float = 0.01,
        divided: Sequence[str] | str = (),
        silent: Sequence[str] | str | None = None,
    ) -> None:
        super().__init__(
            partial(net2net, noise=noise, divided=divided, silent=silent), max_members=1
        )
