"""Architectures of a wanted cost, and costs that shift to what is trained least."""

import itertools

import pytest
import torch
from torch.testing import assert_close

from hypernas import Choice, SearchSpace
from hypernas.events import Begun, Stepped
from hypernas.sampling import Proposer, Shift

EIGHT = SearchSpace({f"width_{i}": [1, 2, 3, 4] for i in range(8)}, lambda _: torch.nn.Identity())
NESTED = SearchSpace(
    {
        "op": ["a", "b"],
        "depth": [1, 2],
        "late": Choice([3, 5, 7], when={"depth": [2], "op": ["b"]}),
    },
    lambda _: torch.nn.Identity(),
)


def cost(architecture):
    """That of layers between widths."""
    return float(sum(a * b for a, b in itertools.pairwise([1, *architecture.values()])))


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def proposer():
    found = Proposer(EIGHT, cost=cost, steps=150)
    state = torch.get_rng_state()
    found.fit()
    assert torch.equal(state, torch.get_rng_state())
    return found


def test_proposals_have_the_wanted_cost_where_random_ones_do_not(proposer):
    random = rng(1)
    low, high = proposer.costs.range(EIGHT)
    own, uniform, found = [], [], set()
    for _ in range(200):
        wanted = low + (high - low) * float(torch.rand((), generator=random))
        proposed = proposer.propose(wanted, rng=random)
        found.add(proposed)
        own.append(abs(cost(proposed) - wanted) / (high - low))
        uniform.append(abs(cost(EIGHT.sample(random)) - wanted) / (high - low))
    assert sum(own) / 200 < 0.08 < 0.25 < sum(uniform) / 200
    assert len(found) > 50
    several = [proposer.propose(low + 30, rng=rng(i), num_tries=16) for i in range(20)]
    assert sum(abs(cost(a) - low - 30) for a in several) / 20 < 0.02 * (high - low)


def test_the_cost_of_decisions_is_that_of_architectures_that_were_not_looked_up():
    own = Proposer(EIGHT, cost=cost, num_samples=600)
    surface, (low, high) = own._surface(rng()), own.costs.range(EIGHT)
    others = [EIGHT.sample(rng(i)) for i in range(30, 60)]
    found = surface(torch.stack([own.one_hot(a) for a in others]))
    expected = torch.tensor([(cost(a) - low) / (high - low) for a in others])
    assert_close(found, expected, rtol=0, atol=0.01)


def test_decisions_are_those_of_an_architecture_of_the_space():
    own = Proposer(NESTED, cost=lambda a: float(len(a)))
    values, entropy = own(torch.rand(200, generator=rng()), rng())
    found = [own._architecture(row) for row in values]
    assert {tuple(a.values()) for a in found} == {tuple(a.values()) for a in NESTED.enumerate()}
    assert_close(values, torch.stack([own.one_hot(a) for a in found]))
    assert entropy.requires_grad


def fed(sampler, norms, steps=100):
    """A sampler that saw trained architectures of the norms of their bins."""
    sampler.see(Begun(0, steps))
    random = rng()
    for step in range(1, steps + 1):
        (architecture,) = sampler(EIGHT, random)
        place = sampler.proposer(EIGHT).costs.bin(EIGHT, architecture, sampler.bins)
        norm = torch.tensor(norms[place])
        sampler.see(Stepped(step, steps, [architecture], norm[None], None, step == steps, norm))
    return sampler


def test_bins_shift_to_that_with_the_largest_gradients_and_keep_a_floor(proposer):
    for strength in (1.0, 0.0):
        sampler = Shift(bins=4, every=10, floor=0.2, strength=strength, cost=cost)
        sampler._proposer = proposer
        assert sampler.probabilities == [0.25] * 4
        found = fed(sampler, [1.0, 1.0, 8.0, 1.0]).probabilities
        assert sum(found) == pytest.approx(1, abs=1e-12)
        assert min(found) >= 0.05
        assert found[2] > 0.5 if strength else found == [0.25] * 4


def test_a_sampler_that_is_restored_draws_what_the_other_would(proposer):
    first, second = (Shift(bins=4, every=10, cost=cost) for _ in range(2))
    first._proposer = proposer
    fed(first, [1.0, 2.0, 3.0, 4.0], steps=35)
    second.restore(first.state())
    assert second.state().keys() == first.state().keys()
    assert [second(EIGHT, rng(i)) for i in range(9)] == [first(EIGHT, rng(i)) for i in range(9)]
    assert second.probabilities == first.probabilities


@pytest.mark.parametrize("wrong", [{"bins": 0}, {"floor": 2}, {"strength": -1}])
def test_shifts_of_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="must be in"):
        Shift(**wrong)
    with pytest.raises(ValueError, match="must be positive"):
        Proposer(EIGHT, steps=0)
