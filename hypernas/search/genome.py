"""Genomes: architectures as integers."""

from collections.abc import Sequence
from functools import lru_cache

from hypernas.border import checked
from hypernas.space import Architecture, SearchSpace
from hypernas.space.architecture import Value

ABSENT = -1  # the gene of a choice that is not active
_REMEMBERED = 1 << 15  # architectures of genes: an evolution meets the same ones again and again


class Genome:
    """Code of the architectures of a space: for each choice, in order, the position of its value.

    Choices that are not active have -1, so that two spellings of one architecture are one genome.

    Args:
        space: gives the genes their order.

    Attributes:
        sizes: the number of values of each choice.
    """

    @checked
    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.sizes = [len(choice.values) for choice in space.choices.values()]
        self._places = [
            (name, {value: i for i, value in enumerate(choice.values)})
            for name, choice in space.choices.items()
        ]
        self._remembered = lru_cache(_REMEMBERED)(self._decoded)

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """The genes of an architecture of the space."""
        return tuple(
            place[architecture[name]] if name in architecture else ABSENT
            for name, place in self._places
        )

    def decode(self, genes: Sequence[int]) -> Architecture:
        """The architecture of genes, of which those of choices that are not active may be anything.

        Raises:
            ValueError: if a gene of an active choice is none of its positions.
        """
        return self._remembered(tuple(map(int, genes)))

    def _decoded(self, genes: tuple[int, ...]) -> Architecture:
        values: dict[str, Value] = {}
        for (name, choice), gene in zip(self.space.choices.items(), genes, strict=True):
            if not choice.active(values):
                continue
            if not 0 <= gene < len(choice.values):
                raise ValueError(
                    f"the gene of {name} is a position in {list(choice.values)}, got {gene}."
                )
            values[name] = choice.values[gene]
        return self.space.architecture(values)
