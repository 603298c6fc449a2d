"""Methods of growth: the making of small networks, and of the large one they become."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypernas.border import checked
from hypernas.generators import Generator, Mixture, shared
from hypernas.growth.stages import Stages
from hypernas.growth.subspace import subspace
from hypernas.space import SearchSpace
from hypernas.training.optimizer import Memory


def ordinary_network(
    space: SearchSpace, *, architecture: Mapping[str, Any] | str, seed: int
) -> Mixture:
    """One architecture of a space with weights as its builder draws them."""
    return shared(subspace(space, architecture), seed=seed)


def no_memory(memories: Sequence[Memory]) -> Memory:
    """Nothing, as where the large weights are new tensors."""
    return {}


class Growth:
    """Trained small networks -> a large one.

    A method is three functions. Those of this package are constructors that choose them; one of your
    own is `Growth(grow=...)`.

    Args:
        grow: (members, space, *, to, seed) -> a generator of the large architecture.
        member: (space, *, architecture, seed) -> an untrained generator of a small architecture.
        inherit: what optimizers kept of each member's parameters, by name -> what is known of those
            of the large generator.
        max_members: how many small networks it can use, the first ones; None for any number.
    """

    def __init__(
        self,
        grow: Callable[..., Generator],
        *,
        member: Callable[..., Generator] = ordinary_network,
        inherit: Callable[[Sequence[Memory]], Memory] = no_memory,
        max_members: int | None = None,
    ) -> None:
        self._grow, self._member, self._inherit = grow, member, inherit
        self.max_members = max_members

    def member(
        self, space: SearchSpace, architecture: Mapping[str, Any] | str, *, seed: int
    ) -> Generator:
        """An untrained generator of one small architecture."""
        return self._member(space, architecture=architecture, seed=seed)

    def grow(
        self,
        members: Sequence[Generator],
        space: SearchSpace,
        *,
        to: Mapping[str, Any] | str,
        seed: int,
    ) -> Generator:
        """A generator of the large architecture; the members stay as they are."""
        return self._grow(members[: self.max_members], space, to=to, seed=seed)

    def inherit(self, memories: Sequence[Memory]) -> Memory:
        """Optimizer state of the members' parameters, by their names in the large generator."""
        return self._inherit(memories)


@checked
def untrained(
    space: SearchSpace,
    *,
    growth: Growth,
    members: Sequence[Mapping[str, Any] | str],
    to: Mapping[str, Any] | str = "largest",
    phase: int,
    seed: int = 0,
) -> Generator:
    """The generator of a phase of growth as it is before anything is trained.

    It has the parameters, by name and shape, of the one that was trained, so a checkpoint of the
    phase can be loaded into it.

    Args:
        growth: the method.
        members: the small architectures.
        to: the large one.
        phase: of which member, from 0; then of which stage, if the method has any; then of the grown
            network.
        seed: as in the run.

    Raises:
        ValueError: if there is no such phase.
    """
    num, stages = len(members), num_stages(space, growth=growth, members=members, to=to)
    if not 0 <= phase <= num + stages:
        raise ValueError(
            f"phase must be that of a member or a stage, 0 to {num + stages - 1}, or {num + stages} of the "
            f"grown network, got {phase}."
        )
    if phase < num:
        return growth.member(space, members[phase], seed=seed + phase)
    own = [growth.member(space, a, seed=seed + m) for m, a in enumerate(members)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about values that a checkpoint is to replace
        if isinstance(growth, Stages) and phase < num + stages:
            return growth.stage(phase - num, own, space, to=to, seed=seed)
        return growth.grow(own, space, to=to, seed=seed)


def num_stages(
    space: SearchSpace,
    *,
    growth: Growth,
    members: Sequence[Mapping[str, Any] | str],
    to: Mapping[str, Any] | str,
) -> int:
    """Number of stages between the members and the large network: 0 for most methods.

    Raises:
        ValueError: if the method has stages, and no member to begin with.
    """
    if not isinstance(growth, Stages):
        return 0
    if not members:
        raise ValueError(
            f"{type(growth).__name__} needs one member, got none: give its architecture in members."
        )
    return growth.num_stages(space, members[0], to=to)
