"""Top-k, load balancing and conditions: what the published methods do not have."""

from functools import partial

import pytest
import torch
from example_spaces import EXAMPLES
from torch.testing import assert_close
from torch.utils.data import TensorDataset

from hypernas import generators
from hypernas.data import Data
from hypernas.generators.coefficients.balance import imbalance
from hypernas.generators.coefficients.source import activate
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Uniform
from hypernas.schedules import Cosine
from hypernas.training import Strategy, Task, Training

ROUTED = {"layer": generators.mos_layer, "neuron": generators.mos_neuron}
CONDITIONED = {**ROUTED, "hypernas": partial(generators.hypernas, gate_scale=1.0)}


def samples(space, num=5):
    rng = torch.Generator().manual_seed(2)
    return [space.sample(rng) for _ in range(num)]


# --- top-k ---------------------------------------------------------------------------------------


def auxiliary(generator, architectures):
    """The auxiliary loss of a step with these architectures."""
    return generators.auxiliary_loss(generator, [generator.subnet(a) for a in architectures])


@pytest.mark.parametrize("kind", ROUTED)
def test_the_top_k_of_all_experts_is_the_dense_router(kind):
    space = EXAMPLES["mlp"]().space
    dense, top = (ROUTED[kind](space, top_k=k).eval() for k in (None, 4))
    assert_close(top.many(samples(space)), dense.many(samples(space)), rtol=0, atol=0)


@pytest.mark.parametrize("gate", ["softmax", "sigmoid", "linear"])
def test_all_but_the_k_largest_gates_are_zero(gate):
    logits = torch.randn(7, 5)
    gates = activate(logits, gate, 0.7, top_k=2)
    kept = logits.topk(2).indices
    assert ((gates != 0).sum(-1) == 2).all()
    expected = activate(logits.gather(-1, kept), gate, 0.7)  # among the kept alone
    assert_close(gates.gather(-1, kept), expected)


def test_experts_that_are_not_kept_get_no_gradient():
    space = EXAMPLES["mlp"]().space
    generator = generators.mos_layer(space, top_k=1, dropout=0.0)
    architecture = space.largest()
    gates = generator.coefficients(architecture)["head.weight"].experts
    sum(w.sum() for w in generator(architecture).values()).backward()
    used = generator.bank.stacks["head/weight"].grad.flatten(1).abs().sum(1) > 0
    assert_close(used, gates > 0)
    assert int(used.sum()) == 1


def test_top_k_beyond_the_experts_is_refused():
    with pytest.raises(ValueError, match=r"top_k must be from 1 to num_experts=4.*got 5"):
        generators.mos_layer(EXAMPLES["mlp"]().space, top_k=5)


# --- load balancing ------------------------------------------------------------------------------


def test_imbalance_is_least_where_all_experts_are_used_alike():
    assert_close(imbalance(torch.full((3, 4), 0.25)), torch.tensor(0.0))
    assert_close(imbalance(torch.eye(4)), torch.tensor(0.0))  # each by another architecture
    assert_close(imbalance(torch.eye(4)[[1, 1, 1]]), torch.tensor(3.0))
    gates = torch.rand(20, 6, 4).softmax(-1)
    assert imbalance(gates) > 0
    assert_close(imbalance(gates), 4 * (gates.mean((0, 1)) ** 2).sum() - 1)
    logits = torch.zeros(5, 4, requires_grad=True)
    imbalance(logits.softmax(-1)).backward()
    assert_close(logits.grad, torch.zeros(5, 4), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ROUTED)
def test_descending_the_auxiliary_loss_balances_the_experts(kind):
    space = EXAMPLES["mlp"]().space
    generator = ROUTED[kind](space, balance=2.0, dropout=0.0)
    architectures = samples(space)
    with torch.no_grad():
        for bias in generator.source.biases:
            bias[::4] += 2  # all prefer the first expert
    optimizer = torch.optim.Adam(generator.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        losses.append(float(auxiliary(generator, architectures).detach()))
        auxiliary(generator, architectures).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[0] > 0.5
    assert losses[-1] < 0.02 * losses[0]


@pytest.mark.parametrize(
    "make", [generators.mos_layer, generators.hypernas, generators.shared, generators.ssn]
)
def test_without_being_asked_for_there_is_no_auxiliary_loss(make):
    space = EXAMPLES["mlp"]().space
    assert auxiliary(make(space), samples(space)) is None


def test_training_descends_the_auxiliary_loss_too():
    space, inputs = EXAMPLES["mlp"]()
    split = TensorDataset(inputs, torch.arange(6) % 3)
    data = Data("tiny", split, split, split, (5,), 3)

    def trained(balance: float) -> float:
        generator = generators.mos_layer(space, balance=balance, dropout=0.0)
        with torch.no_grad():
            for bias in generator.source.biases:
                bias[0] += 2
        strategy = Strategy(
            sampler=Uniform(num=3),
            optimizer=partial(torch.optim.Adam, lr=0.02),
            schedule=Cosine(warmup=0.0),
        )
        task = Task(data, CrossEntropy())
        Training(steps=30, batch_size=6).run(generator, task, strategy, device="cpu")
        generator.balance = 1.0
        return float(auxiliary(generator, samples(space)).detach())

    assert trained(3.0) < 0.2 * trained(0.0)


# --- conditions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CONDITIONED)
def test_a_condition_changes_the_weights_and_gets_gradients(kind):
    space, inputs = EXAMPLES["mlp"]()
    generator = CONDITIONED[kind](space, condition_dim=3).eval()
    architecture = space.largest()
    condition = torch.tensor([0.1, 0.9, 0.4], requires_grad=True)
    subnet = generator.subnet(architecture, condition)
    one = generator.call(subnet, inputs)
    other = generator.subnet(architecture, torch.tensor([0.8, 0.2, 0.0]))
    two = generator.call(other, inputs)
    assert not torch.allclose(one, two)
    one.square().sum().backward()
    assert (condition.grad != 0).all()
    module = generator.export(subnet)
    assert_close(module(inputs), one.detach())


@pytest.mark.parametrize("kind", CONDITIONED)
def test_many_subnets_keep_each_its_condition(kind):
    space = EXAMPLES["mlp"]().space
    generator = CONDITIONED[kind](space, condition_dim=2).eval()
    subnets = list(map(generator.subnet, samples(space), torch.rand(5, 2)))
    assert_close(generator.many(subnets), [generator(subnet) for subnet in subnets])


def test_a_subnet_of_one_generator_is_resolved_anew_by_another():
    space = EXAMPLES["mlp"]().space
    first, second = generators.hypernas(space, condition_dim=2), generators.shared(space)
    subnet = first.subnet(space.largest(), torch.tensor([0.2, 0.4]))
    assert first.subnet(subnet) is subnet
    assert second.subnet(subnet) is second.subnet(space.largest())
    wider = generators.hypernas(space, condition_dim=2, seed=1)
    assert_close(wider.subnet(subnet).features, subnet.features)
    first.double()
    assert first.subnet(subnet).features.dtype == torch.double


@pytest.mark.parametrize("given", [None, torch.zeros(3), torch.zeros(2, 2)])
def test_a_condition_of_another_size_or_none_is_refused(given):
    space = EXAMPLES["mlp"]().space
    generator = generators.hypernas(space, condition_dim=2)
    with pytest.raises(ValueError, match=r"reads 2 numbers .* with a tensor of shape \(2,\): "):
        generator.subnet(space.largest(), given)


def test_groups_of_architectures_keep_each_its_condition():
    space = EXAMPLES["mlp"]().space
    inner = partial(generators.mos_layer, condition_dim=2, dropout=0.0, balance=1.0)
    generator = generators.few_shot(space, num_groups=2, generator=inner)
    subnets = list(map(generator.subnet, samples(space), torch.rand(5, 2)))
    assert_close(generator.many(subnets), [generator(subnet) for subnet in subnets])
    loss = generators.auxiliary_loss(generator, subnets)
    assert loss is not None
    assert loss > 0


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_a_temperature_divides_the_logits(gate):
    logits = torch.randn(5, 4)
    assert_close(activate(logits, gate, temperature=2.0), activate(logits / 2, gate))
