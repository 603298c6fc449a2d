"""Samplers that look at the losses of candidates on the batch of the step."""

import pytest
import torch
from torch.testing import assert_close
from training_runs import blobs, fit, short, space

from hypernas import generators
from hypernas.data import digits
from hypernas.distributed import ProcessGroup, Replicated
from hypernas.evaluation import Budget, step_flops
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Attentive, Contest, Sandwich
from hypernas.spaces import mlp
from hypernas.training.look import Look
from hypernas.training.part import Part


class Curious(Sandwich, Contest):
    """Looks at two architectures, and takes those it would have taken anyway."""

    def decide(self, space, rng, losses):
        self.seen = losses([space.largest(), space.smallest()])
        return self(space, rng)


def test_a_look_is_the_loss_of_each_and_leaves_no_trace():
    generator = generators.hypernas(space("batch")).train()
    architectures = [generator.space.largest(), generator.space.smallest()]
    batch = tuple(t[:20] for t in blobs().train.tensors)
    before = {n: t.clone() for n, t in generator.state_dict().items()}
    random = torch.get_rng_state()
    look = Look(
        Replicated(generator, ProcessGroup()),
        lambda some: Part([generator.subnet(a) for a in some], batch),
        CrossEntropy(),
        seed=1,
    )
    found = look(architectures)
    assert_close(dict(generator.state_dict()), before, rtol=0, atol=0)
    assert_close(torch.get_rng_state(), random)
    for architecture, loss in zip(architectures, found, strict=True):
        expected = CrossEntropy().loss(generator.call(architecture, batch[0]), batch[1])
        assert loss == pytest.approx(float(expected.detach()), rel=1e-6)


@pytest.mark.parametrize("make", [generators.hypernas, generators.Standalone])
def test_who_looks_and_ignores_it_trains_as_one_who_does_not_look(make):
    found = []
    for sampler in (Curious(), Sandwich()):
        generator = make(space("batch"), seed=4)
        fit(generator, short(4), sampler=sampler, callbacks=[])
        found.append(dict(generator.named_parameters()))
    for name, parameter in found[1].items():
        assert torch.equal(found[0][name], parameter)


@pytest.mark.parametrize("best", [True, False])
def test_the_winner_of_a_contest_has_the_lowest_loss_or_the_highest_of_one_bin_of_cost(best):
    own = mlp(input_shape=(2,), num_classes=3, depths=(1, 2, 3), widths=(8, 16, 24, 32))
    fields = []

    def losses(architectures):
        fields.append(list(architectures))
        return [sum(a.values()) for a in architectures]

    sampler = Attentive(best=best, candidates=4, num_random=20, bins=5)
    drawn = sampler.decide(own, torch.Generator().manual_seed(0), losses)
    assert (drawn[0], drawn[-1], len(drawn)) == (own.largest(), own.smallest(), 22)
    contested = [winner for winner in drawn[1:-1] if any(winner in field for field in fields)]
    assert len(contested) >= 15
    pick = min if best else max
    assert [pick(field, key=lambda a: sum(a.values())) for field in fields] == contested
    costs = [[sum(p.numel() for p in own.build(a).parameters()) for a in f] for f in fields]
    low, high = (
        sum(p.numel() for p in own.build(a).parameters()) for a in (own.smallest(), own.largest())
    )
    assert all(max(field) - min(field) <= (high - low) / 5 for field in costs)


def test_training_by_contests_is_the_same_twice_and_not_that_of_sandwiches():
    found = []
    for sampler in (Attentive(), Attentive(), Sandwich(), Attentive(best=False)):
        generator = generators.shared(space("batch"), seed=4)
        fit(generator, short(6), sampler=sampler, callbacks=[])
        found.append(torch.cat([p.detach().flatten() for p in generator.parameters()]))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[3])


def test_looks_count_in_the_compute_of_a_step():
    data, own = digits(), mlp(input_shape=(1, 8, 8), num_classes=10, depths=(1, 2), widths=(8, 16))
    steps = [
        Budget.of(own, data, sampler, reference_steps=100).spent(100)
        for sampler in (Sandwich(num_random=1), Attentive(num_random=1, bins=1))
    ]
    assert 0.2 < steps[1] - steps[0] < 1.1  # three forward passes of random ones
    flops = [
        step_flops(
            generators.shared(own), data, sampler=s, objective=CrossEntropy(), batch_size=8, num=24
        )
        for s in (Sandwich(num_random=1), Attentive(num_random=1, bins=1))
    ]
    assert flops[1] > flops[0]


def test_contests_of_nobody_are_refused():
    with pytest.raises(ValueError, match="must be 1 or more, got 0, 2, 10"):
        Attentive(candidates=0)
