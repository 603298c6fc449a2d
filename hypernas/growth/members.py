"""The small networks of a growth, checked, and the large one they are to become."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hypernas.border import checked
from hypernas.generators import Generator, Mixture
from hypernas.generators.methods.patterns import matching
from hypernas.generators.mode import evaluating
from hypernas.growth.blocks import Grid
from hypernas.growth.network import Network
from hypernas.growth.plan import Plan, plan
from hypernas.space import SearchSpace

Divided = bool | str | Sequence[str]  # parameters to divide so that logits are averaged


class Members:
    """Some trained generators of one architecture each, and the plan of the network they become.

    Args:
        members: the generators.
        space: of the large network, which may be wider than that of the members.
        to: the large architecture.

    Raises:
        ValueError: if there is none, one is of several architectures, or they do not fit.
    """

    @checked
    def __init__(
        self,
        members: Generator | Sequence[Generator],
        space: SearchSpace,
        to: Mapping[str, Any] | str,
    ) -> None:
        self.generators = [members] if isinstance(members, Generator) else list(members)
        if not self.generators:
            raise ValueError("growth needs one member or more, got none.")
        sizes = [generator.space.size for generator in self.generators]
        if max(sizes) > 1:
            raise ValueError(
                f"each member is a generator of one architecture, got spaces of {sizes}. Make them "
                f"by growth.member(space, architecture=...), or over growth.subspace(space, architecture)."
            )
        self.nets = [Network(g.space, g.space.largest()) for g in self.generators]
        self.target = Network(space, to)
        self.plan: Plan = plan(self.target, self.nets)

    def place(self, grown: Mixture) -> Mixture:
        """The large generator on the device, and of the precision, of the first member."""
        first = self.generators[0]
        dtype = next((p.dtype for p in first.parameters() if p.is_floating_point()), None)
        return grown.to(device=first.device, dtype=dtype)

    @torch.no_grad()
    def weights(self) -> list[dict[str, Tensor]]:
        """Those that each member generates."""
        found = []
        for generator, net in zip(self.generators, self.nets, strict=True):
            with evaluating(generator):
                found.append(generator(net.architecture))
        return found

    def statistics(self) -> dict[str, Tensor]:
        """The statistics of the large network's norms: those of the members, one after the other."""
        own = [
            generator.statistics(net.architecture).tensors
            for generator, net in zip(self.generators, self.nets, strict=True)
        ]
        return {name: _joined(grid, own) for name, grid in self.plan.statistics.items()}

    def divisors(self, average: Divided) -> dict[str, int]:
        """Parameter -> by what the blocks of its members are divided.

        Parameters that are not cut are added up where they are biases of what adds up its members
        (the outputs of a classifier), and averaged elsewhere (a temperature, say). With `average`,
        what makes the logits is divided too.

        Raises:
            ValueError: if it cannot be told what makes the logits.
        """
        num = len(self.generators)
        found = {
            name: len(grid.blocks)
            for name, grid in self.plan.weights.items()
            if not grid.cut and len(grid.blocks) > 1 and not self._adds_up(name)
        }
        if average is False or num == 1:
            return found
        if average is True:
            named = [n for n in self.plan.weights if self._adds_up(n) and n not in self.target.tied]
            if not named:
                raise ValueError(
                    f"average=True divides a linear layer that reads all members' channels and whose "
                    f"outputs are not cut, such as a classifier of its own; this network has none "
                    f"(tied are {self.target.tied}). Name instead the parameters whose division "
                    f"divides the outputs, such as average=['norm.weight', 'norm.bias'] for the norm "
                    f"before a tied head."
                )
        else:
            named = matching(self.plan.weights, average, purpose="average")
        return found | dict.fromkeys(named, num)

    def _adds_up(self, name: str) -> bool:
        """True for a parameter of a linear layer whose outputs are sums over members."""
        path, dot, _ = name.rpartition(".")
        return self.target.linear(name) and self._joins(f"{path}{dot}weight")

    def _joins(self, name: str) -> bool:
        """True for a matrix that is cut along its inputs and not along its outputs."""
        grid = self.plan.weights.get(name)
        if grid is None or not grid.cut:
            return False
        axis = self.target.output_axis(name)
        first = sum(len(own) for own in grid.factors[:axis])
        runs = {block.place[first : first + len(grid.factors[axis])] for block in grid.blocks}
        return len(runs) == 1


def _joined(grid: Grid, own: Sequence[Mapping[str, Tensor]]) -> Tensor:
    pieces = [block.taken(own[block.member][block.name]) for block in grid.blocks]
    if grid.cut or len(pieces) == 1:
        return grid.assemble(pieces)
    stacked = torch.stack(pieces)  # of norms that all members share
    return stacked.mean(0) if stacked.is_floating_point() else stacked.amax(0)
