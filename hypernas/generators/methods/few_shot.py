"""Few-shot supernets: groups of architectures that share no weights with each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.generators.children import children
from hypernas.generators.composite import Composite
from hypernas.generators.generator import Generator, ParameterGroup
from hypernas.generators.methods.grouping import Grouping, Kind, ValueGroups, grouping_of
from hypernas.generators.methods.shared import shared
from hypernas.generators.start.largest import adopt_buffers
from hypernas.generators.start.start import hold, start_at
from hypernas.generators.start.startable import Startable
from hypernas.generators.start.trained import Start, Trained
from hypernas.space import SearchSpace
from hypernas.subnet.subnet import Subnet


class FewShot(Composite, Startable):
    """A generator for each group of architectures.

    The equation with K = number of groups and a one-hot coefficient, each entry of the bank with
    parameters of its own: what a step does not use gets no gradient at all, so neither momentum nor
    weight decay moves it, no entry is multiplied by 0, and batch norms keep statistics by group.

    Args:
        groups: architecture -> group.
        generators: one for each group, over the same space.

    Raises:
        ValueError: if conditions of two groups differ in size.
    """

    def __init__(self, groups: Grouping, generators: Sequence[Generator]) -> None:
        dims = [generator.condition_dim for generator in generators]
        if len(set(dims)) > 1:
            raise ValueError(f"all groups read the same condition, but their sizes are {dims}.")
        super().__init__(groups.space, condition_dim=generators[0].condition_dim)
        self.groups = groups
        self.generators = nn.ModuleList(generators)
        num, first = len(generators), generators[0]
        self.assignment = {n: f"by group, {num} times {w}" for n, w in first.assignment.items()}
        self.taxonomies = first.taxonomies

    def of(self, architecture: Mapping[str, Any]) -> Generator:
        """The generator of an architecture's group."""
        return children(self.generators, Generator)[self.groups(architecture)]

    def members(self, subnet: Subnet) -> list[Generator]:
        return [self.of(subnet.architecture)]

    def hold(self, trained: Trained) -> None:
        """Change every group such that its largest architecture would have these weights."""
        for own in children(self.generators, Generator):
            hold(own, trained)
            adopt_buffers(own, trained)

    def start_from(self, generator: Generator) -> None:
        """Give every group the parameters and statistics of one generator, trained on all of them.

        Raises:
            RuntimeError: if it is not of the kind that the groups have.
        """
        state = generator.state_dict()
        for own in self.generators:
            own.load_state_dict(state)

    def generate(self, subnets: Sequence[Subnet]) -> list[dict[str, Tensor]]:
        members: dict[Generator, list[int]] = {}
        for i, subnet in enumerate(subnets):
            members.setdefault(self.of(subnet.architecture), []).append(i)
        weights: dict[int, dict[str, Tensor]] = {}
        for generator, positions in members.items():
            found = generator.generate([generator.subnet(subnets[i]) for i in positions])
            weights |= dict(zip(positions, found, strict=True))
        return [weights[i] for i in range(len(subnets))]

    def parameter_groups(self) -> list[ParameterGroup]:
        return [
            replace(described, name=f"group {i}: {described.name}")
            for i, generator in enumerate(children(self.generators, Generator))
            for described in generator.parameter_groups()
        ]

    def get_extra_state(self) -> Tensor:
        """The grouping, as bytes of text in a tensor, so that safetensors can hold it."""
        return torch.tensor(list(self.groups.words().encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        saved = bytes(state.tolist()).decode()
        if isinstance(self.groups, ValueGroups):
            self.groups.restore(saved)
        elif saved != self.groups.words():
            raise ValueError(
                f"the state is of other groups: {saved}; these are {self.groups.words()}. Make the "
                f"generator with the grouping and the seed it was trained with."
            )


def few_shot(
    space: SearchSpace,
    *,
    num_groups: int = 4,
    grouping: Kind = "random",
    choice: str | None = None,
    generator: Callable[[SearchSpace], Generator] = shared,
    seed: int = 0,
    start: Start | None = None,
) -> FewShot:
    """As many supernets as groups, each for the architectures of one group.

    Few-shot NAS (Zhao et al., 2021, arXiv 2006.06863) splits by the values of a choice; random and
    similarity groups are the reduced sharing of Zhang et al., 2020, arXiv 2001.01431. All groups
    start as copies of one initialisation; `FewShot.start_from` copies a trained supernet into them.
    To split by more than one choice, give a `generator` that is itself `few_shot`; to split only
    some parameters, use this within `by_name`.

    Args:
        num_groups: K; 1 is the generator itself.
        grouping: random (a hash), sequential (by enumeration), choice (values of one choice), similar (nearest of K
            random architectures), size (number of parameters) or gradient (decided by
            `hypernas.training.callbacks.Split` during training): see `hypernas.generators.methods.grouping`.
        choice: by which to group.
        generator: of each group.
        seed: of the grouping.
        start: a trained module that every group starts at (see `start_at`).

    Raises:
        ValueError: if the grouping is unknown or cannot make that many groups.
    """
    groups = grouping_of(space, grouping, num=num_groups, choice=choice, seed=seed)
    made = FewShot(groups, [generator(space) for _ in range(num_groups)])
    return start_at(made, start)
