"""Candidates that would add the most to a front."""

import numpy as np
import pytest

from hypernas.search import hypervolume
from hypernas.search.gain import most_gaining


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_first_chosen_adds_the_most_hypervolume_of_all(dim):
    rng = np.random.default_rng(dim)
    for _ in range(20):
        front, candidates = rng.random((6, dim)), rng.random((30, dim))
        both = np.concatenate([front, candidates])
        reference = both.max(0) + 0.1 * np.ptp(both, axis=0)
        found = [hypervolume([*front, one], reference.tolist()) for one in candidates]
        (chosen,) = most_gaining(candidates, front, 1)
        if max(found) > hypervolume(front.tolist(), reference.tolist()):
            assert found[chosen] == max(found)


def test_candidates_that_add_nothing_follow_by_non_dominated_sets():
    front = [(0.0, 0.0)]
    candidates = [(3.0, 3.0), (1.0, 2.0), (2.0, 1.0), (2.5, 2.5)]
    assert most_gaining(candidates, front, 3) == [1, 2, 3]
    assert most_gaining(candidates, front, 9) == [1, 2, 3, 0]
    assert most_gaining(np.empty((0, 2)), front, 2) == []


def test_a_second_choice_does_not_repeat_what_the_first_brought():
    front = [(1.0, 9.0), (9.0, 1.0)]
    candidates = [(4.0, 4.0), (4.1, 4.1), (2.0, 8.0)]
    assert most_gaining(candidates, front, 2) == [0, 2]
