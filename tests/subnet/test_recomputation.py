"""Activation checkpointing inside a target."""

from functools import partial

import pytest
import torch
from configured import configured
from torch import Tensor, nn
from torch.testing import assert_close
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from hypernas import SearchSpace, generators
from hypernas.generators import together
from hypernas.subnet.target import call


def plain(function, *inputs, **ways):
    return function(*inputs)


class Blocks(nn.Module):
    """Residual blocks whose parts are each run by a function such as `checkpoint`."""

    def __init__(self, width: int, run) -> None:
        super().__init__()
        self.run = run
        self.stem = nn.Linear(3, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, width), nn.BatchNorm1d(width), nn.Dropout(0.3), nn.Tanh()
            )
            for _ in range(2)
        )
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + self.run(block, x)
        return self.run(lambda inner: self.run(self.scaled, inner), x)

    def scaled(self, x: Tensor) -> Tensor:
        return (x * self.gain).sin()


def space(run) -> SearchSpace:
    return SearchSpace({"width": [4, 6]}, lambda a: Blocks(a["width"], run))


WAYS = [partial(checkpoint, use_reentrant=way) for way in (True, False)]


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize("name", ["shared", "hypernas", "mos_neuron", "standalone", "hmlp"])
def test_gradients_and_statistics_are_those_without_checkpointing(name, run):
    inputs = torch.randn(5, 3)
    found = []
    for way in (plain, run):
        generator = configured(name)(space=space(way))
        torch.manual_seed(1)
        losses = [generator.call({"width": w}, inputs).square().sum() for w in (4, 6, 4)]
        torch.stack(losses).sum().backward()
        gradients = {n: p.grad for n, p in generator.named_parameters()}
        statistics = generator.statistics({"width": 6}).clones()
        found.append((gradients, statistics))
    assert_close(found[1], found[0])


@pytest.mark.parametrize("run", WAYS)
def test_leaves_of_several_subnets_get_their_gradients(run):
    inputs = torch.randn(5, 3)
    found = []
    for way in (plain, run):
        generator = generators.hypernas(space(way))
        subnets = [generator.subnet({"width": width}) for width in (4, 6)]
        torch.manual_seed(1)
        with together(generator, subnets) as weights:
            for subnet, own in zip(subnets, weights, strict=True):
                generator.call(subnet, inputs, weights=own).square().sum().backward()
        found.append({n: p.grad for n, p in generator.named_parameters()})
    assert_close(found[1], found[0])


def test_a_module_with_weights_of_its_own_is_recomputed_on_those_it_was_called_on():
    module = Blocks(4, WAYS[1]).eval()
    inputs = torch.randn(5, 3)
    weights = {n: torch.randn_like(p).requires_grad_() for n, p in module.named_parameters()}
    found = torch.autograd.grad(call(module, weights, inputs).sum(), list(weights.values()))
    module.run = plain
    expected = torch.autograd.grad(call(module, weights, inputs).sum(), list(weights.values()))
    assert_close(found, expected)


def test_segments_of_a_sequential_module_are_followed():
    def build(architecture):
        return Segments(architecture["width"])

    generator = generators.shared(SearchSpace({"width": [4, 6]}, build))
    inputs = torch.randn(5, 3)
    generator.call({"width": 4}, inputs).sum().backward()
    module = generator.export({"width": 4})
    module.layers(inputs).sum().backward()
    where = generator.subnet({"width": 4}).slices.weights
    for (name, parameter), bank in zip(
        module.named_parameters(), generator.parameters(), strict=True
    ):
        assert_close(where[name](bank.grad[0]), parameter.grad)


class Segments(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, 2), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint_sequential(self.layers, 2, x, use_reentrant=False)


@pytest.mark.parametrize("run", WAYS)
def test_checkpointing_outside_of_targets_is_torchs_own(run):
    linear, x = nn.Linear(3, 3), torch.randn(2, 3, requires_grad=True)
    outputs = run(linear, x)
    reentrant = outputs.grad_fn is not None and "Checkpoint" in type(outputs.grad_fn).__name__
    assert reentrant == run.keywords["use_reentrant"]
    outputs.sum().backward()
    assert_close(linear.bias.grad, torch.full((3,), 2.0))


@pytest.mark.filterwarnings("ignore")  # of transformers
@pytest.mark.parametrize(("name", "reentrant"), [("Llama", True), ("T5", False)])
def test_models_of_transformers_get_the_gradients_that_they_have_without_checkpointing(
    name, reentrant
):
    transformers = pytest.importorskip("transformers")
    ids, sizes = torch.arange(12).view(2, 6), {"vocab_size": 20, "num_hidden_layers": 2}
    if name == "Llama":
        sizes |= {"hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1}
        kind, inputs = "LlamaModel", {"input_ids": ids}
    else:
        sizes |= {"d_model": 8, "d_kv": 4, "num_layers": 2, "num_heads": 2, "dropout_rate": 0.0}
        kind, inputs = "T5Model", {"input_ids": ids, "decoder_input_ids": ids}

    def build(architecture, checkpointed):
        hidden = {"intermediate_size" if name == "Llama" else "d_ff": architecture["width"]}
        config = getattr(transformers, f"{name}Config")(**sizes, **hidden, use_cache=False)
        module = getattr(transformers, kind)(config)
        if checkpointed:
            module.gradient_checkpointing_enable({"use_reentrant": reentrant})
        return module

    found = []
    for way in (False, True):
        choices = {"width": [8, 12]}
        space = SearchSpace(choices, lambda a, way=way: build(a, way), inputs=inputs)
        generator = generators.hypernas(space)
        for width in (8, 12):
            generator.call({"width": width}, **inputs)[0].square().mean().backward()
        found.append({n: p.grad for n, p in generator.named_parameters()})
    assert_close(found[1], found[0], rtol=1e-4, atol=1e-6)
