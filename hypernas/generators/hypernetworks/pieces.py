"""A hypernetwork that writes piece by piece: an entry, a body, and a writer."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from hypernas.generators.hypernetworks.body import BodyMaker
from hypernas.generators.hypernetworks.entry import Entry
from hypernas.generators.hypernetworks.input import NetworkInput
from hypernas.generators.hypernetworks.scale import ScaledNetwork
from hypernas.generators.hypernetworks.writer import Writer
from hypernas.generators.taxonomy import Taxonomy
from hypernas.subnet.supernet import Supernet

WriterMaker = Callable[..., Writer]  # of largest shapes, keywords hidden_dim and rng


class PieceNetwork(ScaledNetwork):
    """An entry reads an embedding of each piece beside the input; a body goes on, and a writer makes weights of what it gives.

    Args:
        supernet: the largest shapes.
        inputs: what it will read.
        body: a `Body`, but for what its constructor takes from here.
        writer: likewise.
        embedding_dim: D, numbers of a piece's embedding, which starts standard normal.
        deviations: parameter name -> deviation at the start; what should start at zero starts with 0.01.
        rng: of the initialisation.

    Raises:
        ValueError: if embeddings have no numbers.
    """

    def __init__(
        self,
        supernet: Supernet,
        *,
        inputs: NetworkInput,
        body: BodyMaker,
        writer: WriterMaker,
        embedding_dim: int,
        deviations: Mapping[str, float],
        rng: torch.Generator,
    ) -> None:
        super().__init__(supernet.shapes)
        if embedding_dim < 1:
            raise ValueError(f"embedding_dim must be 1 or more, got {embedding_dim}.")
        self.body = body(rng=rng)
        self.entry = Entry(
            self.body.hidden_dim,
            input_dim=inputs.dim,
            input_size=inputs.size,
            embedding_dim=embedding_dim,
            rng=rng,
        )
        self.writer = writer(supernet.shapes, hidden_dim=self.body.hidden_dim, rng=rng)
        shape = self.writer.num_pieces, embedding_dim
        self.embeddings = nn.Parameter(torch.randn(shape, generator=rng))
        self.taxonomy = Taxonomy(self.writer.outputs, self.body.network)
        self.scale(self.written(inputs.samples()), deviations)

    def write(self, inputs: Tensor) -> Tensor:
        return self.writer(self.body(self.entry(inputs, self.embeddings)))

    def words(self) -> str:
        return f"{self.body.words()}, {self.writer.words()}"
