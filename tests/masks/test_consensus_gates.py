"""Gates by input, and the one smaller network that they agree on."""

from functools import cache, partial

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from hypernas.data import digits
from hypernas.evaluation import Recipe
from hypernas.evaluation.subnet_training import train_subnet
from hypernas.masks import Consensus, GatedNetwork, decide, excess, frozen, gated, polarization
from hypernas.masks.consensus.gate import Gate
from hypernas.objectives import CrossEntropy, assess
from hypernas.spaces import conv2d, mlp, mobilenet
from hypernas.training import Training

IMAGES = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
WIDE = {"widths": [[8], [12]], "depths": [2], "kernels": [3], "expansions": [2]}
NETWORKS = {  # name -> network, layers with gates of channels
    "perceptron": lambda: (
        mlp(input_shape=(1, 8, 8), num_classes=3, depths=[2], widths=[16], norm="batch"),
        "layers.?",
    ),
    "convolutions": lambda: (
        conv2d(input_shape=(1, 8, 8), num_classes=3, **WIDE),
        "*.expand_norm",
    ),
    "depthwise": lambda: (mobilenet(input_shape=(1, 8, 8), num_classes=3), "*depthwise_norm"),
}


def flattened() -> nn.Sequential:
    """A channel of the convolution is sixteen inputs of the linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(96, 3)
    )


def random_halves(network: GatedNetwork) -> None:
    """Gates that are on or off by chance, half of them for every input."""
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name in network.names:
            logits = network.level_of(name).gate.logits
            logits.weight.zero_()
            logits.bias.copy_(torch.rand(len(logits.bias), generator=rng) - 0.5)


def settled(network: nn.Module, modules: str, **options) -> tuple[GatedNetwork, nn.Module]:
    """A network with gates that agree, trained norms, and what is left of it."""
    with_gates = GatedNetwork(network, modules=modules, **options)
    random_halves(with_gates)
    for _ in range(3):
        with_gates.train()(IMAGES)
    with_gates.eval()
    return with_gates, frozen(with_gates, decide(with_gates, [IMAGES]), IMAGES)


def test_polarization_is_zero_where_every_gate_is_the_same_for_all_inputs_and_nowhere_else():
    alike = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]])
    assert polarization(alike) == 0
    other = alike.clone()
    other[0, 2] = 0
    assert_close(polarization(other), torch.tensor(0.25 / 3))
    assert_close(excess(alike, 0.5), torch.tensor((2 / 3 - 0.5) ** 2))


def test_a_gate_is_zero_or_one_and_learns_as_its_sigmoid_does():
    gate = Gate(4, 5, hidden_dim=8, bias=0.1, axis=1, never_none=False)
    inputs = torch.randn(7, 4, 3, 3)
    gates = gate(inputs)
    assert set(gates.unique().tolist()) == {0.0, 1.0}
    soft = torch.sigmoid(gate.logits(torch.relu(gate.hidden(inputs.mean((2, 3))))))
    assert_close(gates, (soft >= 0.5).float())
    weights = torch.randn(7, 5)
    found = torch.autograd.grad((gates * weights).sum(), list(gate.parameters()))
    assert_close(found, torch.autograd.grad((soft * weights).sum(), list(gate.parameters())))


@pytest.mark.parametrize("name", NETWORKS)
def test_channels_that_are_off_are_gone_and_outputs_are_those_of_constant_gates(name):
    space, modules = NETWORKS[name]()
    network = space.build(space.largest())
    before = sum(p.numel() for p in network.parameters())
    with_gates, left = settled(network, modules)
    assert type(left) is type(network)
    assert sum(p.numel() for p in left.parameters()) < 0.75 * before
    assert not any(part._forward_hooks for part in left.modules())
    with torch.no_grad():
        assert_close(left(IMAGES), with_gates(IMAGES).outputs, rtol=1e-4, atol=1e-5)


def test_what_is_left_tells_its_sizes_as_a_network_that_was_built_small():
    kept = GatedNetwork(flattened(), modules="0")
    random_halves(kept)
    decision = decide(kept, [IMAGES])
    left = frozen(kept, decision, IMAGES)
    num = int(decision.kept["0"].sum())
    assert (left[0].out_channels, left[3].in_features) == (num, 16 * num)
    assert 0 < num < 6
    assert decision.share == num / 6
    assert decision.undecided == 0


def test_layers_that_are_off_are_the_identity():
    network = conv2d(input_shape=(1, 8, 8), num_classes=3, **WIDE)
    with_gates, left = settled(network.build(network.largest()), "*.blocks.?", level="layer")
    skipped = [part for part in left.modules() if isinstance(part, nn.Identity)]
    assert 0 < len(skipped) < 4
    with torch.no_grad():
        assert_close(left(IMAGES), with_gates(IMAGES).outputs)


def test_experts_that_agree_are_one_layer():
    with_gates, left = settled(flattened(), ["0", "3"], level="expert", num_experts=4)
    assert [tuple(p.shape) for p in left.parameters()] == [
        tuple(p.shape) for p in flattened().parameters()
    ]
    with torch.no_grad():
        assert_close(left(IMAGES), with_gates(IMAGES).outputs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "modules", "options", "message"),
    [
        (
            nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.LayerNorm(8), nn.Linear(8, 3)),
            "1",
            {},
            "cannot be removed",
        ),
        (flattened(), "3", {"level": "layer"}, "shape of their input"),
        (flattened(), "4", {}, "match none"),
        (flattened(), "1", {}, "tells its channels"),
        (flattened(), "0", {"bias": 0.0}, "bias above 0"),
    ],
)
def test_what_cannot_have_gates_is_refused(network, modules, options, message):
    with pytest.raises(ValueError, match=message):
        settled(network, modules, **options)


class Cubed(nn.Linear):
    """A layer that is not linear in its parameters."""

    def forward(self, x):
        return nn.functional.linear(x, self.weight**3, self.bias)


@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e5])
def test_a_frozen_network_is_held_against_gates_at_the_size_of_its_outputs(scale):
    head = nn.Linear(12, 3)
    with torch.no_grad():
        head.weight.mul_(scale), head.bias.mul_(scale)
    network = nn.Sequential(nn.Flatten(), Cubed(64, 12), head)
    with pytest.raises(ValueError, match="differs from that with constant gates"):
        settled(network, "1", level="expert", num_experts=4)


@cache
def trained(weight: float):
    """Dynamic and static accuracy on test, and the decision: digits, 400 steps, a quarter of the channels wanted."""
    data = digits()
    space = mlp(input_shape=data.input_shape, num_classes=10, depths=[2], widths=[64], norm="none")
    own = gated(space, modules="layers.*.0")
    plain = CrossEntropy(label_smoothing=0.0)
    objective = Consensus(objective=plain, target=0.25, polarization=weight)
    recipe = Recipe(
        training=Training(steps=400, batch_size=64, log_every=1000),
        objective=objective,
        optimizer=partial(torch.optim.AdamW, lr=0.005, weight_decay=0.0),
    )
    network = train_subnet(own, data, recipe, own.largest(), seed=0, device="cpu").export(
        own.largest()
    )
    decision = decide(network, (inputs for inputs, _ in data.in_order("validation")))
    left = frozen(network, decision, data.example(num=4))
    dynamic = assess(network, data.in_order("test"), objective)["accuracy"]
    return dynamic, assess(left, data.in_order("test"), plain)["accuracy"], decision


def test_with_polarization_the_static_network_is_as_good_as_its_gates_were():
    dynamic, static, decision = trained(3.0)
    assert dynamic > 0.85
    assert abs(static - dynamic) < 0.01
    assert decision.undecided < 0.02
    assert 0.1 < decision.share < 0.5  # near the share that is wanted, but not that


def test_without_polarization_gates_differ_by_input_and_the_static_network_is_worse():
    dynamic, static, decision = trained(0.0)
    assert dynamic > 0.85
    assert static < dynamic - 0.03
    assert decision.undecided > 0.05
