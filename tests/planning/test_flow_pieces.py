"""Splits of equal flows over spines, against a search of all splits of small fabrics."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from hypernas.planning.ecmp import Ecmp
from hypernas.planning.split import Split, split


@pytest.mark.parametrize(
    ("num_flows", "num_spines", "expected", "total"),
    [
        (7, 4, Split(4, 3, 4), 16),
        (6, 4, Split(4, 2, 2), 8),
        (8, 16, Split(0, 8, 2), 16),
        (8, 4, Split(8, 0, 1), 8),
        (0, 3, Split(0, 0, 1), 0),
    ],
)
def test_the_published_splits(num_flows, num_spines, expected, total):
    assert split(num_flows, num_spines) == expected
    assert expected.total == total


def fits(pieces, room):
    """True if pieces fill bins exactly: by trying each bin for the largest piece that is left."""
    if not pieces:
        return True
    first, *rest = pieces
    for i, left in enumerate(room):
        if left >= first and left not in room[:i] and fits(rest, without(room, i, first)):
            return True
    return False


def without(room, i, taken):
    return [*room[:i], room[i] - taken, *room[i + 1 :]]


def balanced(counts, num_spines):
    """True if flows of size 1, each in so many equal pieces, can load all spines alike."""
    pieces = sorted((Fraction(1, c) for c in counts for _ in range(c)), reverse=True)
    return fits(pieces, [Fraction(len(counts), num_spines)] * num_spines)


@pytest.mark.parametrize("num_spines", [2, 3, 4])
@pytest.mark.parametrize("num_flows", [1, 2, 3, 4, 5, 6])
def test_no_split_into_pieces_of_one_size_has_fewer(num_flows, num_spines):
    found = split(num_flows, num_spines)
    assert balanced([1] * found.num_whole + [found.num_pieces] * found.num_split, num_spines)
    for num, pieces in itertools.product(range(num_flows + 1), range(2, 2 * num_spines + 1)):
        counts = [1] * (num_flows - num) + [pieces] * num
        assert sum(counts) >= found.total or not balanced(counts, num_spines)


def test_pieces_of_several_sizes_may_do_with_fewer():
    assert split(3, 4).total == 12
    assert balanced([2, 2, 4], 4)
    assert not any(
        balanced(counts, 4)
        for counts in itertools.combinations_with_replacement(range(1, 5), 3)
        if sum(counts) < 8
    )


def test_less_than_no_flow_is_refused():
    with pytest.raises(ValueError, match="expected flows, 0 or more, and spines, 1 or more"):
        split(-1, 4)


def test_flows_drawn_together_and_one_by_one_have_the_same_mean_and_spread():
    scheme, num, num_spines = Ecmp(num_draws=4000), 12, 4
    each = scheme._drawn(np.repeat([0, 2], num), 3, num_spines)
    together = scheme._multinomial(np.array([num, 0, num]), num_spines)
    share = 1 / num_spines
    spread = (num * share * (1 - share)) ** 0.5
    for counts in (each, together):
        assert not counts[:, 1].any()
        np.testing.assert_array_equal(counts[:, [0, 2]].sum(2), num)
        np.testing.assert_allclose(
            counts[:, [0, 2]].mean(0), num * share, atol=5 * spread / 4000**0.5
        )
        np.testing.assert_allclose(counts[:, [0, 2]].std(0), spread, rtol=0.07)
