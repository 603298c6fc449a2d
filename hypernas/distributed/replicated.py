"""Every rank has the whole generator."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from hypernas.distributed.optimizer_state import Maker
from hypernas.distributed.placement import Placement, States, Weights, refuse_divided
from hypernas.distributed.process_group import ProcessGroup
from hypernas.generators import Generator, has_late_parameters, together
from hypernas.subnet.subnet import Subnet


class Replicated(Placement):
    """Each rank makes its weights itself, and gradients of all parameters are added up.

    Args:
        shard_optimizer: whether ranks divide the optimizer's memory: see `hypernas.distributed.optimizer_state`.

    Raises:
        ValueError: if they cannot, or if something else divides parameters among ranks.
    """

    def __init__(
        self, generator: Generator, ranks: ProcessGroup, *, shard_optimizer: bool = False
    ) -> None:
        refuse_divided(generator)
        if shard_optimizer and has_late_parameters(generator):
            raise ValueError(
                "parameters of this generator come to life while it trains, so no rank can be given "
                "its part of them before: leave training.shard_optimizer off."
            )
        self.generator, self.ranks, self.shard_optimizer = generator, ranks, shard_optimizer

    def place(self, device: torch.device) -> None:
        self.generator.to(device)

    def maker(self, make: Maker) -> Maker:
        return self.ranks.shard(make) if self.shard_optimizer else make

    def holds(self, parameter: nn.Parameter) -> bool:
        return True

    @contextlib.contextmanager
    def together(
        self,
        subnets: Sequence[Subnet],
        trained: Sequence[Sequence[int]],
        *,
        read: Sequence[int] = (),
        rng: torch.Generator | None = None,
    ) -> Iterator[Weights]:
        positions = list(dict.fromkeys([*trained[self.ranks.rank], *read]))
        with together(self.generator, [subnets[i] for i in positions]) as generated:
            yield dict(zip(positions, generated, strict=True))

    @torch.no_grad()
    def weights(self, subnets: Sequence[Subnet], wanted: Sequence[Sequence[int]]) -> Weights:
        positions = wanted[self.ranks.rank]
        generated = self.generator.many([subnets[i] for i in positions])
        return dict(zip(positions, generated, strict=True))

    def reduce_gradients(self, loss: Tensor, statistics: Mapping[str, Tensor]) -> Tensor:
        parameters = list(self.generator.parameters())
        return self.ranks.reduce_gradients(self.generator, parameters, loss, statistics)

    def norm(self, parameters: Iterable[nn.Parameter]) -> Tensor:  # shape: ()
        return norm(parameters)

    def state_dicts(self, optimizer: torch.optim.Optimizer) -> States | None:
        if self.shard_optimizer:
            self.ranks.consolidate(optimizer)
        if not self.ranks.first:
            return None
        return self.generator.state_dict(), optimizer.state_dict()

    def unshard(self) -> None:
        """It is whole."""


def norm(parameters: Iterable[nn.Parameter]) -> Tensor:  # shape: ()
    """Of the gradients of those that have one."""
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
