"""Every weight straight out of a network, with and without the magnitude-invariant parametrization."""

import copy
import math
import pickle
from functools import partial

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import Choice, SearchSpace
from hypernas.generators import FullHypernetwork, mip_hypernetwork, shared
from hypernas.generators.banks.bank import key
from hypernas.generators.hypernetworks.input import NetworkInput
from hypernas.generators.hypernetworks.network import GAIN, DenseNetwork
from hypernas.space.encoding import Encoding, mip
from hypernas.spaces import mlp
from hypernas.subnet.supernet import Supernet
from hypernas.subnet.target import weight_shapes

KINDS = {
    "MIP": mip_hypernetwork,
    "encoding only": partial(mip_hypernetwork, independent=False),
    "theta_0 only": partial(mip_hypernetwork, encode=False),
    "plain": partial(mip_hypernetwork, encode=False, independent=False),
}


class Odd(nn.Module):
    """Bare parameters, tied ones, norms, a convolution and a matrix of zeros."""

    def __init__(self, architecture) -> None:
        super().__init__()
        width = architecture["width"]
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.weight = nn.Parameter(torch.ones(width))  # not what its name says
        self.bias = nn.Parameter(torch.randn(width, 2))  # nor this
        self.norm = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(2, width, architecture["kernel"], padding="same")
        self.enter, self.leave = nn.Linear(width, 3, bias=False), nn.Linear(width, 3, bias=False)
        self.leave.weight = self.enter.weight
        self.closed = nn.Parameter(torch.zeros(3, 2))

    def forward(self, x: Tensor) -> Tensor:  # shape: (N, 2, H, W) -> (N, 3)
        pooled = x.mean((2, 3))
        x = self.norm(self.conv(x)).relu().mean((2, 3)) * self.weight + pooled @ self.bias.T
        return self.scale * self.enter(x) + self.leave(x) + pooled @ self.closed.T


ODD = SearchSpace({"width": [4, 8], "kernel": [1, 3]}, Odd)
MLP = mlp(input_shape=(5,), num_classes=3, depths=(1, 2), widths=(4, 8), norm="batch")
SPACES = {
    "odd": (ODD, torch.randn(4, 2, 5, 5, generator=torch.Generator().manual_seed(0))),
    "mlp": (MLP, torch.randn(6, 5, generator=torch.Generator().manual_seed(0))),
}


def one_linear(*values: float, num_choices: int = 1) -> SearchSpace:
    """The target does not depend on the architecture, whose features are the values themselves."""
    choices = {f"choice_{i}": list(values) for i in range(num_choices)}
    return SearchSpace(choices, lambda _: nn.Linear(24, 32))


@pytest.fixture(params=KINDS.values(), ids=[name.replace(" ", "_") for name in KINDS])
def make(request):
    return partial(request.param, hidden_dims=(16, 32))


@pytest.fixture(params=SPACES)
def space(request) -> SearchSpace:
    return SPACES[request.param][0]


@pytest.fixture
def inputs(request, space) -> Tensor:
    return next(inputs for known, inputs in SPACES.values() if known is space)


def assert_same(first, second) -> None:
    assert_close(first, second, rtol=0, atol=0)


# --- what every generator obeys ------------------------------------------------------------------


def test_weights_have_the_names_and_shapes_of_the_built_module(make, space):
    generator = make(space)
    for architecture in space.enumerate():
        weights = generator(architecture)
        assert {n: w.shape for n, w in weights.items()} == weight_shapes(space.build(architecture))


def test_every_parameter_gets_a_finite_gradient(make, space):
    generator = make(space)
    sum(w.square().sum() for w in generator(space.largest()).values()).backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(make, space):
    before = torch.get_rng_state()
    first, second, other = (make(space, seed=seed)(space.largest()) for seed in (1, 1, 2))
    assert_same(first, second)
    assert any(not torch.equal(weight, other[name]) for name, weight in first.items())
    assert torch.equal(torch.get_rng_state(), before)


def test_an_export_computes_what_the_call_does(make, space, inputs):
    generator = make(space)
    generator.train().call(space.largest(), inputs)  # moves the running statistics
    generator.eval()
    for architecture in space.enumerate():
        exported = generator.export(architecture)
        assert_close(exported(inputs), generator.call(architecture, inputs), rtol=0, atol=1e-6)


def test_a_state_saved_with_safetensors_loads_bit_for_bit_into_another_seed(make, space):
    generator, other = make(space, seed=1), make(space, seed=2)
    other.load_state_dict(load(save(generator.state_dict())))
    for architecture in space.enumerate():
        assert_same(other(architecture), generator(architecture))
        assert_same(
            other.statistics(architecture).tensors, generator.statistics(architecture).tensors
        )


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))], ids=["deepcopy", "pickle"]
)
def test_a_copy_gives_the_same_weights(make, space, again):
    generator = make(space)
    assert_same(again(generator)(space.smallest()), generator(space.smallest()))


def test_parameter_groups_hold_every_parameter_once(make, space):
    generator = make(space, network_lr_scale=0.1)
    groups = generator.parameter_groups()
    grouped = [id(p) for group in groups for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in generator.parameters())
    assert {group.name: group.lr_scale for group in groups}["network"] == 0.1


def test_a_few_steps_lower_the_loss(make, space, inputs):
    generator = make(space)
    optimizer = torch.optim.Adam(generator.parameters(), 3e-3)
    labels = torch.arange(len(inputs)) % 3
    losses = []
    for _ in range(15):
        loss = sum(
            nn.functional.cross_entropy(generator.call(a, inputs), labels)
            for a in (space.smallest(), space.largest())
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


# --- theta_0 -------------------------------------------------------------------------------------


@pytest.mark.parametrize("encode", [True, False])
def test_with_a_zeroed_last_layer_the_weights_are_those_of_weight_sharing(space, encode):
    generator = mip_hypernetwork(space, encode=encode, seed=3)
    nn.init.zeros_(generator.network.weight)
    sharing = shared(space, seed=3)
    for architecture in space.enumerate():
        assert_same(generator(architecture), sharing(architecture))


def test_theta_0_is_the_builders_own_initialisation_by_name():
    generator = mip_hypernetwork(ODD, seed=4)
    torch.manual_seed(4)
    built = ODD.build(ODD.largest())
    found = {n.lstrip("/").replace("/", "."): p for n, p in generator.theta_0.named_parameters()}
    assert_same(found, dict(built.named_parameters()))


def test_vectors_and_scalars_start_as_the_builder_sets_them_and_tied_weights_stand_once(make):
    for architecture in ODD.enumerate():
        weights = make(ODD)(architecture)
        width = architecture["width"]
        assert_same(weights["norm.weight"], torch.ones(width))
        assert_same(weights["norm.bias"], torch.zeros(width))
        assert_same(weights["weight"], torch.ones(width))
        assert_same(weights["scale"], torch.tensor(0.5))
        assert_same(weights["closed"], torch.zeros(3, 2))
        assert "enter.weight" in weights
        assert "leave.weight" not in weights


def test_frozen_independent_weights_leave_all_learning_to_the_network(space):
    generator = mip_hypernetwork(space)
    generator.theta_0.requires_grad_(False)
    sum(w.square().sum() for w in generator(space.largest()).values()).backward()
    learning = {name for name, p in generator.named_parameters() if p.grad is not None}
    assert learning == {name for name, _ in generator.named_parameters() if "network" in name}


def test_without_independent_weights_only_the_network_is_trained(space):
    generator = mip_hypernetwork(space, independent=False)
    assert all(name.startswith("network.") for name, _ in generator.named_parameters())
    assert generator.describe().num_stored == sum(p.numel() for p in generator.network.parameters())


# --- the network ---------------------------------------------------------------------------------


def test_weights_are_theta_0_and_a_network_written_by_hand():
    generator = mip_hypernetwork(MLP, hidden_dims=(7, 9), seed=5).double()
    largest = MLP.largest()
    hidden = mip(Encoding(MLP)(largest).double())
    first, second = generator.network.trunk[0], generator.network.trunk[2]
    hidden = nn.functional.leaky_relu(first.weight @ hidden + first.bias, 0.01)
    hidden = nn.functional.leaky_relu(second.weight @ hidden + second.bias, 0.01)
    written = generator.network.weight @ hidden
    start = 0
    for name, weight in generator(largest).items():
        part = written[start : start + weight.numel()].view_as(weight)
        theta_0 = generator.theta_0.get_parameter(key(name))
        assert_close(weight, theta_0 + part)
        start += weight.numel()
    assert start == len(written)


def variances(space: SearchSpace, seeds: int = 64, **options) -> dict[float, float]:
    """Mean over seeds of the variance of what the network adds, by the first choice's value."""
    sums: dict[float, float] = {}
    for seed in range(seeds):
        generator = mip_hypernetwork(space, seed=seed, **options)
        for value in space.choices["choice_0"].values:
            architecture = dict.fromkeys(space.choices, value)
            added = generator.deltas(architecture)["weight"].var().item()
            sums[value] = sums.get(value, 0.0) + added / seeds
    return sums


@torch.no_grad()
def test_the_variance_of_what_the_encoding_adds_does_not_depend_on_the_architecture():
    # one wide layer: with 16 units, as published, 64 seeds tell the mean to no better than a tenth
    found = variances(one_linear(0, 0.25, 0.5, 0.75, 1), hidden_dims=(512,)).values()
    assert max(found) < 1.05 * min(found)


@torch.no_grad()
def test_the_variance_of_what_plain_features_add_is_quadratic_in_them():
    found = variances(one_linear(0, 0.01, 0.5, 1), seeds=8, encode=False)
    assert found[0] == 0
    assert_close(found[1] / found[0.01], 1e4, rtol=1e-3, atol=0)
    assert_close(found[1] / found[0.5], 4.0, rtol=1e-3, atol=0)


@torch.no_grad()
@pytest.mark.parametrize(("normalize", "expected"), [(True, 1), (False, 9)])
def test_a_normalized_encoding_makes_what_is_added_independent_of_the_number_of_features(
    normalize, expected
):
    options = {"normalize": normalize, "hidden_dims": (256,), "seeds": 24}
    few = variances(one_linear(0, 1), **options)[1]
    many = variances(one_linear(0, 1, num_choices=9), **options)[1]
    assert_close(many / few, float(expected), rtol=0.1, atol=0)


@pytest.mark.parametrize("encode", [True, False])
def test_rows_of_the_last_layer_start_as_the_builder_by_the_root_of_outputs_and_at_zero_for_vectors(
    encode,
):
    generator = mip_hypernetwork(one_linear(0, 1), encode=encode)
    rows = generator.network.weight.split([32 * 24, 32])
    builder = 1 / math.sqrt(3 * 24)  # nn.Linear draws uniformly within 1 / sqrt(fan_in)
    assert_close(rows[0].std().item(), builder / math.sqrt(32), rtol=0.05, atol=0)
    assert_same(rows[1], torch.zeros_like(rows[1]))


def test_under_a_builder_as_published_rows_of_the_last_layer_start_as_published():
    def kaiming(architecture):
        layer = nn.Linear(24, 32)
        nn.init.kaiming_normal_(layer.weight, a=0.01)
        return layer

    generator = mip_hypernetwork(SearchSpace({"choice": [0, 1]}, kaiming))
    rows = generator.network.weight[: 32 * 24]
    assert_close(rows.std().item(), GAIN / math.sqrt(32 * 24), rtol=0.05, atol=0)


@torch.no_grad()
@pytest.mark.parametrize("num_choices", [1, 11])
def test_what_the_network_adds_starts_by_the_input_and_the_outputs_beside_independent_weights(
    num_choices,
):
    space = one_linear(0, 1, num_choices=num_choices)
    added, base = torch.zeros(2, 24)
    for seed in range(24):
        generator = mip_hypernetwork(space, hidden_dims=(256,), seed=seed)
        added[seed] = generator.deltas(space.largest())["weight"].square().mean()
        base[seed] = generator.theta_0.get_parameter(key("weight")).square().mean()
    found = (added.mean() / base.mean()).sqrt().item()
    assert_close(found, math.sqrt(num_choices / 32), rtol=0.06, atol=0)


def test_hidden_layers_start_kaiming_normal_by_their_outputs_without_biases():
    generator = mip_hypernetwork(one_linear(0, 1), hidden_dims=(256, 512))
    first, second = generator.network.trunk[0], generator.network.trunk[2]
    assert_close(second.weight.std().item(), GAIN / math.sqrt(512), rtol=0.02, atol=0)
    assert not first.bias.any()
    assert not second.bias.any()


@torch.no_grad()
@pytest.mark.parametrize("encode", [True, False])
def test_without_independent_weights_the_network_starts_as_large_as_the_builder(encode):
    space = one_linear(0.5, 1, num_choices=4)
    squares = torch.zeros(2)
    for seed in range(16):
        generator = mip_hypernetwork(
            space, encode=encode, independent=False, hidden_dims=(256,), seed=seed
        )
        rng = torch.Generator().manual_seed(seed)
        for _ in range(16):
            weights = generator(space.sample(rng)).values()
            squares += torch.stack([w.square().mean() for w in weights]) / 256
    # nn.Linear draws both uniformly within 1 / sqrt(fan_in)
    assert_close(squares.sqrt(), torch.full((2,), 1 / math.sqrt(3 * 24)), rtol=0.15, atol=0)


def test_a_network_of_another_size_is_refused():
    supernet, inputs = Supernet(MLP), NetworkInput(MLP)
    network = DenseNetwork(
        input_dim=inputs.dim,
        hidden_dims=(),
        sizes={"a": 7},
        deviations={"a": 1.0},
        rng=torch.Generator(),
    )
    with pytest.raises(ValueError, match=r"must return the 179 weights .*got \(7,\)"):
        FullHypernetwork(supernet, inputs=inputs, network=network)


def test_the_size_of_an_input_is_that_of_every_encoding():
    space = SearchSpace({"a": [1, 2, 5], "b": Choice(["x", "y"])}, lambda _: nn.Linear(1, 1))
    inputs = NetworkInput(space)
    assert inputs.dim == 2 * 3
    for architecture in space.enumerate():
        assert_close(inputs(architecture).norm().item(), inputs.size)
    assert_close(inputs.size, math.sqrt(3))
    assert_close(NetworkInput(space, normalize=True).size, 1.0)
