"""Bodies: the part of a hypernetwork between what it reads and the layers that write."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

from hypernas.generators.taxonomy import Network

# Legend: P pieces that are written, H hidden units.


class Body(nn.Module, ABC):
    """A vector for each piece -> another, in sight of other pieces or by itself.

    Its constructor takes `rng` by keyword, as `BodyMaker`, beside settings of its own.

    Attributes:
        network: what it is in the taxonomy.
        hidden_dim: H.
    """

    network: Network
    hidden_dim: int

    @abstractmethod
    def forward(
        self,
        pieces: Tensor,  # shape: (P, H), of variance 1 at the start, what all have in common a quarter of it
    ) -> Tensor:  # shape: (P, H)
        """The vectors that writers read, a piece each."""

    @abstractmethod
    def words(self) -> str:
        """The kind of network, in words."""


BodyMaker = Callable[..., Body]  # keyword rng


def check_sizes(of: str, **sizes: int) -> None:
    """Refuse sizes below 1, naming all of them."""
    if wrong := {name: size for name, size in sizes.items() if size < 1}:
        raise ValueError(f"{of}: expected sizes of 1 or more, got {wrong}.")
