"""Mixture-of-Supernets against its published formulas."""

import math

import pytest
import torch
from example_spaces import EXAMPLES
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import SearchSpace
from hypernas.generators import Mixture, hypernas, mos_layer, mos_neuron, shared

BOTH = pytest.mark.parametrize("mos", [mos_layer, mos_neuron])
SPACES = pytest.mark.parametrize("name", EXAMPLES)


def double(generator: Mixture) -> Mixture:
    return generator.double().eval()


def weights(generator: Mixture, architecture) -> dict[str, Tensor]:
    return {name: weight.detach() for name, weight in generator(architecture).items()}


def gates(generator: Mixture, architecture) -> dict[str, Tensor]:
    found = generator.coefficients(architecture)
    return {name: coefficients.experts.detach() for name, coefficients in found.items()}


@torch.no_grad()
def set_gates(generator: Mixture, expert: int, num_experts: int) -> None:
    """Make the softmax of every router a one-hot of that expert."""
    for weight, bias in zip(generator.source.weights, generator.source.biases, strict=True):
        weight.zero_()
        bias.view(-1, num_experts).fill_(-1e4)[:, expert] = 1e4


@BOTH
@SPACES
def test_gates_sum_to_one_and_have_a_row_for_each_neuron_or_layer(mos, name):
    space = EXAMPLES[name]().space
    generator = mos(space, num_experts=3).eval()
    found = gates(generator, space.largest())
    assert found
    for parameter, rows in found.items():
        neurons = generator.bank(parameter).shape[1:2]
        assert rows.shape == ((*neurons, 3) if mos is mos_neuron else (3,))
        assert_close(rows.sum(-1), torch.ones(rows.shape[:-1]))
        assert (rows > 0).all()


@BOTH
def test_routers_are_two_layer_networks_of_the_encoding(mos):
    space = EXAMPLES["conv"]().space
    by_module = {"router": "module"} if mos is mos_layer else {}
    generator = mos(space, num_experts=3, hidden_dim=16, **by_module).eval()
    source = generator.source
    smallest = space.smallest()
    features, found = generator.subnet(smallest).features, gates(generator, smallest)
    for i, names in enumerate(source.routers.values()):
        rows = slice(16 * i, 16 * (i + 1))
        hidden = torch.relu(source.hidden_weight[rows] @ features + source.hidden_bias[rows])
        logits = source.weights[i] @ hidden + source.biases[i]
        for parameter in names:
            for neuron in range(len(logits) // 3):
                expected = torch.softmax(logits[3 * neuron : 3 * neuron + 3], 0).detach()
                row = found[parameter][neuron] if mos is mos_neuron else found[parameter]
                assert_close(row, expected)


@BOTH
def test_constant_routers_read_a_half_for_every_feature(mos):
    space = EXAMPLES["conv"]().space
    source = mos(space, num_experts=3, constant=True).eval().source
    halves = torch.full((1, source.hidden_weight.shape[1]), 0.5)
    (control,) = source(torch.rand_like(halves))
    source.constant = False
    (expected,) = source(halves)
    for name, coefficients in control.items():
        assert_close(coefficients.experts, expected[name].experts, rtol=0, atol=0)


@BOTH
def test_last_biases_start_at_zero_if_asked_and_all_else_as_ever(mos):
    space = EXAMPLES["conv"]().space
    own, plain = (mos(space, seed=5, zero_bias=zero).state_dict() for zero in (True, False))
    for name, tensor in plain.items():
        last = name.startswith("source.biases")
        assert_close(own[name], torch.zeros_like(tensor) if last else tensor, rtol=0, atol=0)


@BOTH
def test_routers_start_as_published_by_xavier_for_neurons_and_as_torch_does_for_layers(mos):
    space = EXAMPLES["conv"]().space
    source = mos(space, num_experts=3, hidden_dim=64, seed=5).source
    for weight, bias in zip(source.weights, source.biases, strict=True):
        default = 1 / math.sqrt(64)
        xavier = math.sqrt(6 / (len(weight) + 64))
        bound = xavier if mos is mos_neuron else default
        assert 0.95 * bound < weight.abs().max() <= bound  # of 192 uniform numbers or more
        assert_close(weight.std().item(), bound / math.sqrt(3), rtol=0.15, atol=0)
        assert 0.3 * default < bias.abs().max() <= default
    default = 1 / math.sqrt(source.hidden_weight.shape[1])
    for parameter in (source.hidden_weight, source.hidden_bias):
        assert 0.95 * default < parameter.abs().max() <= default


@SPACES
def test_layer_wise_weights_are_the_published_sum(name):
    space = EXAMPLES[name]().space
    generator = double(mos_layer(space, num_experts=3))
    for architecture in (space.smallest(), space.largest()):
        found, slices = gates(generator, architecture), generator.slices(architecture)
        for parameter, weight in weights(generator, architecture).items():
            experts = slices[parameter](generator.bank(parameter).detach())
            p = found.get(parameter, torch.ones(1).double())
            assert_close(weight, torch.einsum("e,e...->...", p, experts))


@SPACES
def test_neuron_wise_weights_are_the_published_sum(name):
    space = EXAMPLES[name]().space
    generator = double(mos_neuron(space, num_experts=3))
    for architecture in (space.smallest(), space.largest()):
        found, slices = gates(generator, architecture), generator.slices(architecture)
        for parameter, weight in weights(generator, architecture).items():
            experts, where = generator.bank(parameter).detach(), slices[parameter]
            if parameter not in found:
                assert_close(weight, where(experts)[0])
                continue
            diagonal = [torch.diag(p) for p in found[parameter].T]
            whole = sum(torch.tensordot(d, w, 1) for d, w in zip(diagonal, experts, strict=True))
            assert_close(weight, where(whole))


@BOTH
@SPACES
def test_identical_experts_are_plain_sharing_whatever_the_router_says(mos, name):
    space = EXAMPLES[name]().space
    generator = mos(space, num_experts=3, spread=0, seed=4)
    plain = shared(space, seed=4)
    for architecture in (space.smallest(), space.largest()):
        assert_close(weights(generator, architecture), weights(plain, architecture))


@BOTH
def test_identical_experts_give_the_router_no_gradient(mos):
    space = EXAMPLES["mlp"]().space
    generator = double(mos(space, num_experts=3, spread=0))
    sum(w.square().sum() for w in generator(space.largest()).values()).backward()
    for parameter in generator.source.parameters():
        assert_close(parameter.grad, torch.zeros_like(parameter), rtol=0, atol=1e-12)


@BOTH
def test_experts_that_differ_give_the_router_a_gradient(mos):
    space = EXAMPLES["mlp"]().space
    generator = double(mos(space, num_experts=3))
    sum(w.square().sum() for w in generator(space.largest()).values()).backward()
    for parameter in generator.source.parameters():
        assert parameter.grad.abs().max() > 1e-6


@BOTH
@SPACES
def test_one_hot_gates_select_that_expert(mos, name):
    space = EXAMPLES[name]().space
    generator = mos(space, num_experts=3).eval()
    smallest = space.smallest()
    routed = gates(generator, smallest)
    for expert in range(3):
        set_gates(generator, expert, 3)
        slices = generator.slices(smallest)
        for parameter, weight in weights(generator, smallest).items():
            bank = generator.bank(parameter).detach()[expert if parameter in routed else 0]
            assert_close(weight, slices[parameter](bank), rtol=0, atol=0)


@BOTH
@SPACES
def test_one_expert_is_plain_sharing_bit_for_bit(mos, name):
    space = EXAMPLES[name]().space
    generator, plain = mos(space, num_experts=1, seed=2), shared(space, seed=2)
    for architecture in (space.smallest(), space.largest()):
        expected = weights(plain, architecture)
        assert_close(weights(generator, architecture), expected, rtol=0, atol=0)


@BOTH
def test_the_constant_control_gives_every_architecture_the_same_gates(mos):
    space = EXAMPLES["mlp"]().space
    blind = mos(space, constant=True).eval()
    seeing = mos(space).eval()
    smallest, largest = space.smallest(), space.largest()
    assert_close(gates(blind, smallest), gates(blind, largest), rtol=0, atol=0)
    different = gates(seeing, largest)
    assert all(not torch.equal(g, different[n]) for n, g in gates(seeing, smallest).items())


@pytest.mark.parametrize("name", ["conv", "mlp", "tied", "attention"])
def test_gates_of_neurons_depend_on_the_subnet_only_through_its_encoding(name):
    space = EXAMPLES[name]().space
    generator = double(mos_neuron(space, constant=True))  # one encoding for all
    large, slices = weights(generator, space.largest()), generator.slices(space.smallest())
    for parameter, weight in weights(generator, space.smallest()).items():
        assert_close(weight, slices[parameter](large[parameter]))


def test_neurons_with_the_same_logits_are_a_layer():
    space = EXAMPLES["conv"]().space
    neuron = double(mos_neuron(space, num_experts=3))
    layer = double(mos_layer(space, num_experts=3, router="module"))
    with torch.no_grad():
        layer.source.hidden_weight.copy_(neuron.source.hidden_weight)
        layer.source.hidden_bias.copy_(neuron.source.hidden_bias)
        for kind in ("weights", "biases"):
            for ours, theirs in zip(
                getattr(neuron.source, kind), getattr(layer.source, kind), strict=True
            ):
                ours.view(-1, *theirs.shape).copy_(theirs.expand(len(ours) // 3, *theirs.shape))
    for architecture in (space.smallest(), space.largest()):
        assert_close(weights(neuron, architecture), weights(layer, architecture))


@BOTH
def test_permuting_experts_with_their_routers_changes_nothing(mos):
    space = EXAMPLES["conv"]().space
    generator = double(mos(space, num_experts=3))
    before = weights(generator, space.smallest())
    order = [2, 0, 1]
    with torch.no_grad():
        for stack in generator.bank.parameters():
            if len(stack) == 3:
                stack.copy_(stack[order])
        for parameter in [*generator.source.weights, *generator.source.biases]:
            rows = parameter.view(-1, 3, *parameter.shape[1:])
            rows.copy_(rows[:, order])
    assert_close(weights(generator, space.smallest()), before)


@BOTH
@SPACES
def test_gradients_outside_the_slice_are_exactly_zero(mos, name):
    space = EXAMPLES[name]().space
    generator = mos(space).eval()
    smallest = space.smallest()
    sum((w - 2).square().sum() for w in generator(smallest).values()).backward()
    for parameter, where in generator.slices(smallest).items():
        gradient = generator.bank(parameter).grad
        taken = torch.zeros(gradient.shape[1:], requires_grad=True)
        where(taken).sum().backward()
        assert (gradient[:, taken.grad == 0] == 0).all()
        assert (gradient[:, taken.grad == 1] != 0).all()


@BOTH
def test_variance_at_start_does_not_depend_on_the_number_of_experts(mos):
    space = EXAMPLES["mlp"]().space
    largest = space.largest()
    deviations = {}
    for num in (1, 2, 4, 8, 16):
        drawn = [
            weights(mos(space, num_experts=num, seed=seed).eval(), largest) for seed in range(20)
        ]
        deviations[num] = torch.stack([w["layers.1.weight"] for w in drawn]).std()
    for num in (2, 4, 8, 16):  # independent experts would give 0.71, 0.5, 0.35 and 0.25
        assert_close(deviations[num] / deviations[1], torch.tensor(1.0), rtol=0.05, atol=0)


@BOTH
def test_uniform_gates_give_the_builders_own_initialisation(mos):
    space = EXAMPLES["attention"]().space
    generator = double(mos(space, num_experts=4, seed=1))
    with torch.no_grad():
        for parameter in generator.source.parameters():
            parameter.zero_()
    expected = weights(shared(space, seed=1).double(), space.largest())
    assert_close(weights(generator, space.largest()), expected, rtol=0, atol=1e-6)


@BOTH
def test_what_the_builder_sets_to_a_constant_starts_there_in_every_expert(mos):
    space = EXAMPLES["attention"]().space
    generator = mos(space, num_experts=4)
    assert_close(generator.bank("values"), torch.ones_like(generator.bank("values")))
    assert len(generator.bank("values")) == 4


@BOTH
def test_gates_are_dropped_out_only_while_training(mos):
    space = EXAMPLES["mlp"]().space
    generator = mos(space, dropout=0.5)
    largest = space.largest()
    first, second = gates(generator.train(), largest), gates(generator, largest)
    assert any(not torch.equal(first[n], second[n]) for n in first)
    assert_close(gates(generator.eval(), largest), gates(generator, largest), rtol=0, atol=0)


def test_layers_with_one_parent_share_a_router_and_others_do_not():
    space = EXAMPLES["conv"]().space
    found = gates(mos_layer(space).eval(), space.largest())
    block = [n for n in found if n.startswith("blocks.0.")]
    assert block == [f"blocks.0.{n}" for n in (
        "expand.weight", "depthwise.weight", "depthwise.bias", "project.weight", "project.bias"
    )]  # fmt: skip
    assert all(torch.equal(found[n], found[block[0]]) for n in block)
    assert not torch.equal(found["blocks.1.expand.weight"], found[block[0]])
    assert not torch.equal(found["stem.weight"], found["head.weight"])


def test_routers_by_module_are_one_for_each_module():
    space = EXAMPLES["conv"]().space
    found = gates(mos_layer(space, router="module").eval(), space.largest())
    modules = {name.rpartition(".")[0]: rows for name, rows in found.items()}
    assert len({tuple(rows.tolist()) for rows in modules.values()}) == len(modules) == 8


@BOTH
def test_only_the_chosen_layers_get_experts(mos):
    space = EXAMPLES["conv"]().space
    generator = mos(space, num_experts=3, experts=["blocks.*.project", "head"])
    for parameter, kind in generator.assignment.items():
        chosen = ".project." in parameter or parameter.startswith("head")
        assert len(generator.bank(parameter)) == (3 if chosen else 1)
        assert kind.startswith("3 experts") if chosen else kind == "shared"


@BOTH
def test_a_pattern_without_layers_is_refused_with_the_layers_there_are(mos):
    with pytest.raises(
        ValueError, match=r"experts: .*\['hed'\] match none of .*'layers.0'.*'head'"
    ):
        mos(EXAMPLES["mlp"]().space, experts=["hed", "layers.*"])


def test_a_high_temperature_makes_gates_uniform_and_a_low_one_makes_them_one_hot():
    space = EXAMPLES["mlp"]().space
    for temperature, largest_gate in ((1e6, 0.25), (1e-6, 1.0)):
        found = gates(mos_layer(space, temperature=temperature).eval(), space.largest())
        for rows in found.values():
            assert_close(rows.max().item(), largest_gate, rtol=1e-4, atol=0)


def test_an_unknown_gate_is_refused():
    space = SearchSpace({"width": [2, 4]}, lambda a: nn.Linear(a["width"], 2))
    with pytest.raises(ValueError, match="must be softmax, sigmoid or linear, got 'relu'"):
        mos_layer(space, gate="relu")(space.largest())


@pytest.mark.parametrize("make", [mos_layer, mos_neuron, hypernas])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_experts": 0}, "num_experts must be 1 or more"),
        ({"gate": "hard"}, "gate must be softmax"),
    ],
)
def test_impossible_options_are_refused_at_once(make, wrong, message):
    space = EXAMPLES["mlp"]().space
    with pytest.raises(ValueError, match=message):
        make(space, **wrong)
