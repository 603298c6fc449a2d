"""One process."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hypernas.distributed.optimizer_state import Maker
from hypernas.distributed.process_group import Ranks
from hypernas.generators import Generator


class Alone(Ranks):
    """The one rank there is: everything is its own, and nothing is exchanged."""

    rank, size = 0, 1

    def place(self, device: torch.device) -> torch.device:
        return device

    def check_alike(self, generator: Generator, settings: Mapping[str, Any]) -> None:
        """There is nobody to differ from."""

    def reseed(self, seed: int, step: int) -> None:
        """The generators run on."""

    def remember(self, generator: Generator) -> list[Tensor]:
        return []

    def exchange(
        self,
        generator: Generator,
        parameters: Sequence[nn.Parameter],
        loss: Tensor,
        remembered: list[Tensor],
    ) -> Tensor:
        return loss

    def sharded(self, make: Maker) -> Maker:
        return make

    def collect(self, optimizer: torch.optim.Optimizer) -> None:
        """It is whole."""

    def any(self, flag: bool) -> bool:
        return flag

    def add(self, tensor: Tensor) -> None:
        """It is the sum."""

    def swap(self, sent: Tensor, counts: Sequence[int], sizes: Sequence[int]) -> Tensor:
        return sent

    def spread(self, tensor: Tensor, source: int) -> None:
        """It is there."""

    def gather(self, results: Mapping[str, Any]) -> dict[str, Any]:
        return dict(results)

    def from_first(self, value: Any) -> Any:
        return value
