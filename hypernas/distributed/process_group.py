"""The processes that train one generator together, as each of them sees the others."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.distributed.optimizer_state import Maker
from hypernas.distributed.share import Share, share
from hypernas.generators import Generator


class RankLost(RuntimeError):
    """Another rank ended, or did not answer in time."""


class Ranks(ABC):
    """Some ranks, 0 to `size` - 1, that take steps together; `Storage` says what each one holds.

    N ranks take the steps that one would: of a step's architectures and its batch each rank trains
    its share, and the gradients are added up. What differs is said at `Joined`.

    Attributes:
        rank: which of them this process is.
        size: how many there are.
    """

    rank: int
    size: int

    @property
    def first(self) -> bool:
        """Whether it is on us to write, and to tell."""
        return self.rank == 0

    @abstractmethod
    def place(self, device: torch.device) -> torch.device:
        """The device of this rank, where `device` is asked for.

        Raises:
            ValueError: if there are not enough.
        """

    @abstractmethod
    def check_alike(self, generator: Generator, settings: Mapping[str, Any]) -> None:
        """Refuse ranks that begin with different parameters or settings.

        Raises:
            ValueError: on every rank, naming all that differs.
        """

    @abstractmethod
    def reseed(self, seed: int, step: int) -> None:
        """Where there are several, give torch's global generators a state of this rank and step."""

    def shares(self, num_architectures: int, num_examples: int, *, split: bool) -> list[Share]:
        """What each rank trains of a step: see `hypernas.distributed.share`."""
        ranks = range(self.size)
        return [share(r, self.size, num_architectures, num_examples, split=split) for r in ranks]

    @abstractmethod
    def remember(self, generator: Generator) -> list[Tensor]:
        """To be called before the backward passes of a step: what `exchange` wants to know."""

    @abstractmethod
    def exchange(
        self,
        generator: Generator,
        parameters: Sequence[nn.Parameter],
        loss: Tensor,
        remembered: list[Tensor],
    ) -> Tensor:
        """To be called after them: add up the gradients, and the losses, of all ranks.

        Args:
            parameters: those of the generator that every rank has a copy of.

        Returns:
            The sums of the losses, of their shape.
        """

    @abstractmethod
    def sharded(self, make: Maker) -> Maker:
        """Divide the memory of an optimizer among the ranks: see `hypernas.distributed.optimizer_state`."""

    @abstractmethod
    def collect(self, optimizer: torch.optim.Optimizer) -> None:
        """Bring the state of a divided optimizer to rank 0, where `state_dict` then tells it."""

    @abstractmethod
    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank; the same answer on all."""

    @abstractmethod
    def add(self, tensor: Tensor) -> None:
        """Sum a tensor, in place, over all ranks."""

    @abstractmethod
    def swap(
        self,
        sent: Tensor,  # shape: (S,), the parts for ranks 0, 1, ...
        counts: Sequence[int],  # numbers for each rank, together S
        sizes: Sequence[int],  # numbers from each rank, together R
    ) -> Tensor:  # shape: (R,), the parts from ranks 0, 1, ...
        """Send a part of a tensor to each rank, and get one from each."""

    @abstractmethod
    def spread(self, tensor: Tensor, source: int) -> None:
        """Overwrite a tensor, of the same shape on all ranks, with that of one; on the CPU."""

    @abstractmethod
    def gather(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """The results of all ranks, on all of them."""

    @abstractmethod
    def from_first(self, value: Any) -> Any:
        """The value that rank 0 has."""
