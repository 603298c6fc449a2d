"""A small model drafts for a large one, whose tokens stay the same."""

import pytest
import torch
from torch.testing import assert_close
from training_runs import fit, short

from hypernas import generators
from hypernas.data import Data, split_tensors
from hypernas.decoding import greedy, speculate
from hypernas.sampling import Nested
from hypernas.spaces import transformer_lm

SPACE = transformer_lm(
    input_shape=(24,), num_classes=5, depths=(1, 2), embed_dims=(8, 16), heads=(1, 2), head_dim=8
)
PROMPT = torch.tensor([0, 1, 2])


def counting() -> Data:
    """Sequences that count up, by one or by two."""
    rng = torch.Generator().manual_seed(0)
    start, by = (torch.randint(high, (240, 1), generator=rng) for high in (5, 2))
    tokens = (start + (by + 1) * torch.arange(25)) % 5
    parts = split_tensors(tokens[:, :-1], tokens[:, 1:], (160, 40, 40), seed=0)
    return Data("counting", *parts, input_shape=(24,), num_classes=5)


@pytest.fixture(scope="module")
def family():
    """Exported members of a family that was trained by sorting."""
    generator = generators.shared(SPACE)
    sampler = Nested(members=3, num=2, divide=True)
    fit(generator, short(40), data=counting(), sampler=sampler, callbacks=[])
    return [generator.export(member).double() for member in sampler.family(SPACE)]


@pytest.mark.parametrize("num_drafted", [1, 3, 7])
def test_whoever_drafts_the_tokens_are_those_of_the_large_one(family, num_drafted):
    strangers = [
        generators.shared(SPACE, seed=s).export(SPACE.smallest()).double() for s in range(2)
    ]
    for num in (0, 1, 12):
        expected = greedy(family[-1], PROMPT, num)
        assert len(expected) == 3 + num
        for draft in (*family, *strangers):
            found = speculate(draft, family[-1], PROMPT, num, num_drafted=num_drafted)
            assert found.tokens.tolist() == expected.tolist()
            assert found.num_passes == num - found.num_accepted


def test_a_model_accepts_all_that_it_drafts_itself_in_the_fewest_passes(family):
    found = speculate(family[-1], family[-1], PROMPT, 20, num_drafted=4)
    assert (found.num_passes, found.num_accepted, found.acceptance) == (4, 16, 1.0)


def test_a_trained_member_is_accepted_more_often_than_a_stranger(family):
    stranger = generators.shared(SPACE, seed=9).export(SPACE.smallest()).double()
    own, other = (speculate(draft, family[-1], PROMPT, 20) for draft in (family[0], stranger))
    assert own.acceptance > other.acceptance
    assert own.num_passes < 20


def test_what_decodes_nothing_is_refused(family):
    with pytest.raises(ValueError, match="one token or more"):
        speculate(family[0], family[-1], PROMPT[:0], 3)
    with pytest.raises(ValueError, match=r"to logits \(1, 3, V\), got \(1, 3\)"):
        greedy(lambda tokens: tokens.double(), PROMPT, 1)
    assert_close(greedy(family[0], PROMPT, 0), PROMPT)
