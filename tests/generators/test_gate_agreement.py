"""Gates that read a condition, and are to be the same under all of them."""

from functools import partial

import pytest
import torch
from example_spaces import EXAMPLES
from torch.testing import assert_close
from training_runs import blobs, fit, short, space

from hypernas import generators
from hypernas.conditions import BatchStatistics, Noise
from hypernas.sampling import Uniform
from hypernas.training.conditioned import ConditionedSubnet

ROUTED = {
    "layer": partial(generators.mos_layer, dropout=0.0),
    "neuron": partial(generators.mos_neuron, dropout=0.0),
}


def subnets_of(generator, num=3):
    rng = torch.Generator().manual_seed(0)
    conditions = torch.rand(num, generator.condition_dim, generator=rng)
    architectures = (generator.space.sample(rng) for _ in range(num))
    return [generator.subnet(*pair) for pair in zip(architectures, conditions, strict=True)]


@pytest.mark.parametrize("kind", ROUTED)
def test_disagreement_is_the_variance_over_conditions_at_each_architecture(kind):
    generator = ROUTED[kind](EXAMPLES["mlp"]().space, condition_dim=2)
    subnets = subnets_of(generator)
    terms = []
    for own in subnets:
        under = [generator.subnet(own, other.condition) for other in subnets]
        every = [generator.coefficients(subnet) for subnet in under]
        for names in generator.source.routers.values():
            gates = torch.stack([found[names[0]].experts for found in every])
            terms.append(gates.var(0, correction=0).mean())
    assert_close(generator.disagreement(subnets), torch.stack(terms).mean())
    same = [generator.subnet(own, torch.ones(2)) for own in subnets]
    assert_close(generator.disagreement(same), torch.zeros(()))


@pytest.mark.parametrize("kind", ROUTED)
def test_descending_the_auxiliary_loss_makes_weights_agree(kind):
    generator = ROUTED[kind](space("none"), condition_dim=2, agreement=10.0)
    subnets = subnets_of(generator, 4)
    batches = [torch.randn(8, 2) * scale for scale in (0.2, 1.0, 3.0)]
    follow = ConditionedSubnet(generator, generator.space.largest(), Statistics())
    before, weights = follow.static(batches).disagreement, generator(subnets[0])
    optimizer = torch.optim.Adam(generator.source.parameters(), 0.01)
    for _ in range(100):
        optimizer.zero_grad()
        generators.auxiliary_loss(generator, subnets).backward()
        optimizer.step()
    assert follow.static(batches).disagreement < 0.3 * before
    assert not torch.equal(generator(subnets[0])["head.weight"], weights["head.weight"])


class Statistics(BatchStatistics):
    """The deviation of both channels alone."""

    def __call__(self, inputs):
        return super().__call__(inputs)[2:]


def test_static_weights_are_the_mean_over_batches_and_none_are_refused():
    generator = generators.hypernas(space("none"), condition_dim=2, gate_scale=1.0)
    largest, batches = generator.space.largest(), list(torch.randn(3, 8, 2))
    subnet = ConditionedSubnet(generator, largest, Statistics())
    every = [generator(generator.subnet(largest, Statistics()(batch))) for batch in batches]
    found = subnet.static(batches)
    flat = torch.stack([torch.cat([w.flatten() for w in own.values()]) for own in every]).double()
    for name, weight in found.weights.items():
        assert_close(weight, torch.stack([own[name] for own in every]).mean(0))
    apart = (flat - flat.mean(0)).square().sum(1).mean() / flat.square().sum(1).mean()
    assert_close(found.disagreement, apart.sqrt().item(), rtol=1e-4, atol=0)
    assert subnet.static(batches[:1]).disagreement < 1e-6
    with pytest.raises(ValueError, match="of which there are none"):
        subnet.static([])


def test_architectures_that_divide_a_batch_read_the_condition_of_their_rows():
    seen = []

    class Seen(BatchStatistics):
        def __call__(self, inputs):
            seen.append(inputs)
            return super().__call__(inputs)

    generator = generators.mos_layer(space("none"), condition_dim=4, agreement=1.0)
    options = {"callbacks": [], "data": blobs(), "condition": Seen()}
    fit(generator, short(1, batch_size=30), sampler=Uniform(num=3, divide=True), **options)
    assert [len(inputs) for inputs in seen] == [10, 10, 10]
    assert len(torch.cat(seen).unique(dim=0)) == 30
    seen.clear()
    fit(generator, short(1, batch_size=30), sampler=Uniform(num=3), **options)
    assert [len(inputs) for inputs in seen] == [30]


def test_noise_has_another_draw_for_each_part_of_a_batch():
    seen = []

    class Seen(Noise):
        def draw(self, inputs, rng):
            seen.append(super().draw(inputs, rng))
            return seen[-1]

    generator = generators.mos_layer(space("none"), condition_dim=2)
    options = {"callbacks": [], "condition": Seen(dim=2)}
    fit(generator, short(1), sampler=Uniform(num=4, divide=True), **options)
    assert len({tuple(value.tolist()) for value in seen}) == 4


@pytest.mark.parametrize("options", [{"agreement": -1.0, "condition_dim": 1}, {"agreement": 1.0}])
def test_an_agreement_about_nothing_is_refused(options):
    with pytest.raises(ValueError, match="above 0 where gates read a condition"):
        generators.mos_layer(space(), **options)
