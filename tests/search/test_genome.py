"""Genomes of architectures."""

import pytest
from toys import conditional

from hypernas.search import Genome


def test_genomes_and_architectures_are_one_to_one():
    space = conditional()
    genome = Genome(space)
    every = list(space.enumerate())
    assert len({genome.encode(a) for a in every}) == len(every)
    assert [genome.decode(genome.encode(a)) for a in every] == every


def test_two_spellings_of_one_architecture_are_one_genome():
    genome = Genome(conditional())
    assert genome.decode((0, 1, 2, 0, 0)) == genome.decode((0, 1, 2, 2, -1))
    assert genome.encode(genome.decode((0, 1, 2, 2, 2))) == (0, 1, 2, -1, -1)


def test_a_gene_beyond_its_values_is_refused():
    with pytest.raises(ValueError, match=r"gene of width_0 is a position in \[8, 16, 32\], got -1"):
        Genome(conditional()).decode((0, 0, -1, 0, 0))
