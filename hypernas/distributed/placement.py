"""Placement of a generator on ranks: the part each stores, and the way to the weights they train."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.distributed.optimizer_state import Maker
from hypernas.distributed.process_group import ProcessGroup
from hypernas.generators import Generator
from hypernas.subnet.subnet import Subnet

Weights = dict[int, dict[str, Tensor]]  # position of an architecture -> its weights
States = tuple[dict[str, Tensor], dict[str, Any]]  # `state_dict` of a generator and an optimizer


class Placement(ABC):
    """A generator in the hands of some ranks; every method is called on all of them together.

    Attributes:
        generator: the same object in all that follows.
        ranks: they.
    """

    generator: Generator
    ranks: ProcessGroup

    @abstractmethod
    def place(self, device: torch.device) -> None:
        """Move to a device what this rank keeps, and drop what it does not."""

    @abstractmethod
    def maker(self, make: Maker) -> Maker:
        """`make`, for an optimizer of what this rank keeps."""

    @abstractmethod
    def holds(self, parameter: nn.Parameter) -> bool:
        """True if a parameter is kept, and moved by the optimizer, on this rank."""

    @abstractmethod
    def together(
        self,
        subnets: Sequence[Subnet],
        trained: Sequence[Sequence[int]],
        *,
        read: Sequence[int] = (),
        rng: torch.Generator | None = None,
    ) -> AbstractContextManager[Weights]:
        """As `hypernas.generators.together`, of those subnets that this rank wants.

        Args:
            subnets: of the step.
            trained: for each rank the positions of those it trains. Afterwards the generator's gradients
                are those of its own (or of what it keeps, from all ranks); `reduce_gradients` adds them up.
            read: positions of those that all ranks get beside, without a gradient.
            rng: the same on all ranks, of what is drawn to make weights, where that has to agree.
        """

    @abstractmethod
    def weights(self, subnets: Sequence[Subnet], wanted: Sequence[Sequence[int]]) -> Weights:
        """Without gradients the weights of those that this rank wants, of what each rank does."""

    @abstractmethod
    def reduce_gradients(self, loss: Tensor, statistics: Mapping[str, Tensor]) -> Tensor:
        """See `ProcessGroup.reduce_gradients`; afterwards each rank has the gradient of all it keeps."""

    @abstractmethod
    def norm(self, parameters: Iterable[nn.Parameter]) -> Tensor:  # shape: ()
        """Of all gradients, given the parameters of this rank; the same on all ranks."""

    @abstractmethod
    def state_dicts(self, optimizer: torch.optim.Optimizer) -> States | None:
        """All of the generator and its optimizer, as if on one process; None but on rank 0."""

    @abstractmethod
    def unshard(self) -> None:
        """Make the generator whole again on every rank."""


def refuse_divided(generator: Generator) -> None:
    """Raise a ValueError if something else has divided parameters among ranks: see `ProcessGroup`."""
    module = sys.modules.get("torch.distributed.tensor")  # which is slow to import
    if module is None:  # so there can be none
        return
    if divided := [n for n, p in generator.named_parameters() if isinstance(p, module.DTensor)]:
        raise ValueError(
            f"parameters are divided among ranks already, as by fully_shard: {divided}. Ranks that train other "
            f"architectures would compute with parts of each other's layers: leave the generator whole, and "
            f"divide its banks by training.shard_banks or the optimizer's memory by training.shard_optimizer."
        )
