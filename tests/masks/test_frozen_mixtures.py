"""Mixtures of experts that are routed by batch, trained to agree, and frozen into static weights."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.testing import assert_close

import hypernas
from hypernas.data import digits
from hypernas.masks import GatedNetwork
from hypernas.masks.consensus.gate import Gate
from hypernas.spaces import mlp

SETTINGS = [
    *("experiment=fast", "device=cpu", "space.depths=[2]", "space.widths=[48]", "space.norm=none"),
    *("changes=[gates]", "changes.gates.modules=layers.*.0", "changes.gates.level=expert"),
    *("changes.gates.examples=16", "changes.gates.num_experts=3", "generator=standalone"),
    *("objective=consensus", "objective.target=0.4", "objective.polarization=3.0"),
    *("training.steps=150", "callbacks.validation.every=150", "callbacks.checkpoints.every=150"),
]


def test_examples_that_are_decided_together_have_the_gates_of_their_mean():
    gate = Gate(4, 5, hidden_dim=8, bias=0.1, axis=1, never_none=True)
    inputs = torch.randn(7, 4)
    gates = gate(inputs, 3)
    for part in (slice(0, 3), slice(3, 6), slice(6, 7)):
        assert_close(gates[part], gate(inputs[part].mean(0, keepdim=True)).expand_as(gates[part]))
    assert len(gates.unique(dim=0)) > 1
    assert_close(gate(inputs, 1), gate(inputs))


def test_a_batch_has_one_set_of_weights_mixed_by_what_the_layer_is_given():
    layer = nn.Linear(6, 3)
    mixture = GatedNetwork(
        nn.Sequential(layer), modules="0", level="expert", num_experts=4, bias=0.1, examples=8
    )
    inputs = torch.randn(16, 6)
    found = mixture(inputs)
    level = mixture.level_of("0")
    every = torch.stack([own.weight for own in (layer, *level.others)])
    biases = torch.stack([own.bias for own in (layer, *level.others)])
    for part in (slice(0, 8), slice(8, 16)):
        shares = level.gate(inputs[part].mean(0, keepdim=True))[0]
        shares = shares / shares.sum()
        weight, bias = torch.einsum("k,koi->oi", shares, every), shares @ biases
        assert_close(found.outputs[part], nn.functional.linear(inputs[part], weight, bias))
    assert mixture.num_ungated == 4 * sum(p.numel() for p in layer.parameters())


def test_no_examples_are_refused():
    with pytest.raises(ValueError, match=r"examples 1 or more, .* examples=0"):
        GatedNetwork(nn.Sequential(nn.Linear(2, 2)), modules="0", examples=0)


def test_a_mixture_is_trained_frozen_and_written_as_static_weights(run):
    status, _, error = run("train", *SETTINGS, "hydra.run.dir=mixture")
    assert status == 0, error
    frozen = hypernas.freeze("mixture", "static.safetensors", latency=False)
    dynamic, static = (frozen.measures[how]["accuracy"] for how in ("dynamic", "static"))
    assert dynamic > 0.8
    assert abs(dynamic - static) < 0.03
    assert frozen.decision.undecided < 0.2

    data = digits()
    space = mlp(input_shape=data.input_shape, num_classes=10, depths=[2], widths=[48], norm="none")
    plain = space.build(space.largest())
    plain.load_state_dict(load_file("static.safetensors"))  # no copies, no gates: as it was built
    images, _ = data.test.tensors
    assert_close(plain.eval()(images), frozen.network(images))
    num = sum(p.numel() for p in plain.parameters())
    gated = sum(p.numel() for p in plain.layers.parameters())
    assert frozen.parameters == (num + 2 * gated, num)  # of three copies one is left
    assert frozen.mflops[0] > 1.5 * frozen.mflops[1]


def test_a_generator_whose_gates_read_the_batch_is_frozen_at_their_mean(run):
    own = ["experiment=fast", "device=cpu", "space.depths=[1,2]", "space.widths=[16,32]"]
    routed = ["generator=mos_layer", "generator.condition_dim=2", "condition=batch_statistics"]
    divided = ["sampling.num=4", "sampling.divide=true", "generator.agreement=10"]
    status, _, error = run("train", *own, *routed, *divided, "hydra.run.dir=routed")
    assert status == 0, error
    status, out, error = run("freeze", "run=routed", "architecture=smallest", "out=it.safetensors")
    assert status == 0, error
    assert "weights of batches are" in out

    trained = hypernas.load("routed")
    generator, smallest = trained.generator.eval(), trained.space.smallest()
    batches = [batch for batch, _ in trained.data.in_order("validation", batch_size=64)]
    assert len(batches) > 3
    gates = [
        generator.coefficients(generator.subnet(smallest, trained.condition(batch)))
        for batch in batches
    ]
    found = load_file("it.safetensors")
    slices = generator.subnet(smallest, torch.zeros(2)).slices.weights
    routed = set(gates[0]) & set(slices)  # the smallest has fewer layers
    assert len(routed) >= 2
    for name in routed:
        mean = torch.stack([own[name].experts for own in gates]).mean(0)
        expected = torch.einsum("k,k...->...", mean, slices[name](generator.bank(name)))
        assert_close(found[name], expected)
