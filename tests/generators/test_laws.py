"""Laws that every generator obeys on every space."""

import copy
import pickle
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from example_spaces import EXAMPLES, Example
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import Architecture, SearchSpace
from hypernas.generators import Generator, Standalone, hypernas, mos_layer, mos_neuron, shared
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.target import weight_shapes

MAKERS: dict[str, Callable[..., Generator]] = {
    "shared": shared,
    "mos_layer": mos_layer,
    "mos_layer by module": partial(mos_layer, router="module", gate="sigmoid", spread=0.3),
    "mos_layer constant": partial(mos_layer, constant=True, gate="linear"),
    "mos_neuron": mos_neuron,
    "mos_neuron copies": partial(mos_neuron, num_experts=2, spread=0, temperature=2),
    "hypernas": hypernas,
    "hypernas softmax": partial(hypernas, gate="softmax", spread=0.5),
    "hypernas sigmoid": partial(hypernas, gate="sigmoid", hidden_dims=()),
    "hypernas no base": partial(hypernas, base=False, spread=1, encode=False),
    "hypernas gains only": partial(hypernas, experts=None, normalize=True),
    "Standalone": Standalone,
}


@pytest.fixture(scope="module", params=EXAMPLES)
def example(request) -> Example:
    return EXAMPLES[request.param]()


@pytest.fixture(scope="module", params=MAKERS.values(), ids=[n.replace(" ", "_") for n in MAKERS])
def make(request) -> Callable[..., Generator]:
    return request.param


@pytest.fixture(scope="module")
def _trained(make, example) -> Generator:
    return trained(make(example.space, seed=1), example)


@pytest.fixture
def generator(_trained) -> Iterator[Generator]:
    """A trained one, which tests only read."""
    before = copy.deepcopy(_trained.state_dict())
    yield _trained
    assert_same(_trained.state_dict(), before)
    assert not _trained.training


def some(space: SearchSpace) -> list[Architecture]:
    """The smallest, those that have every parameter between them, and two at random."""
    rng = torch.Generator().manual_seed(1)
    drawn = [space.sample(rng) for _ in range(2)]
    return list(dict.fromkeys([space.smallest(), *space.references(), *drawn]))


def trained(generator: Generator, example: Example) -> Generator:
    """As after training: no parameter, and no running statistic, is where it started."""
    for architecture in some(example.space):
        generator.train().call(architecture, example.inputs)
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in generator.parameters():
            noise = torch.randn(parameter.shape, generator=rng)
            parameter.add_(0.1 * noise.to(parameter))
    return generator.eval()


def as_double(inputs: Tensor) -> Tensor:
    return inputs.double() if inputs.is_floating_point() else inputs


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert_close(first, second, rtol=0, atol=0)


def everything(generator: Generator, space: SearchSpace) -> Iterator[dict[str, Tensor]]:
    """Weights and statistics of some architectures."""
    for architecture in some(space):
        yield generator(architecture)
        yield generator.statistics(architecture).tensors


def test_weights_have_the_names_and_shapes_of_the_built_module_in_its_order(make, example):
    generator = make(example.space)
    for architecture in some(example.space):
        expected = weight_shapes(example.space.build(architecture))
        weights = generator(architecture)
        assert {name: weight.shape for name, weight in weights.items()} == expected
        assert list(weights) == list(expected)  # else torch.compile makes a graph for each order


def test_statistics_are_those_of_the_built_module(make, example):
    generator = make(example.space)
    for architecture in some(example.space):
        expected = norm_statistics(example.space.build(architecture))
        assert_same(dict(generator.statistics(architecture).tensors), expected)


def test_every_parameter_gets_a_finite_gradient(make, example):
    generator = trained(make(example.space, seed=3), example).train()
    for architecture in some(example.space):
        sum(w.square().sum() for w in generator(architecture).values()).backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_a_small_step_down_the_gradient_lowers_the_loss_as_predicted(make, example):
    generator, inputs = make(example.space).double(), as_double(example.inputs)
    architecture = example.space.largest()
    generator.call(architecture, inputs)
    generator.eval()  # dropout in routers would blur the comparison

    def loss() -> Tensor:
        return (generator.call(architecture, inputs) - 1).square().mean()

    before = loss()
    before.backward()
    used = [p for p in generator.parameters() if p.grad is not None]
    squared = sum(p.grad.square().sum() for p in used)
    with torch.no_grad():
        for parameter in used:
            parameter -= 1e-7 / squared * parameter.grad
        assert_close((loss() - before).item(), -1e-7, rtol=1e-2, atol=0)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(make, example):
    first, second, other = (make(example.space, seed=seed).eval() for seed in (5, 5, 6))
    for ours, same in zip(
        everything(first, example.space), everything(second, example.space), strict=True
    ):
        assert_same(ours, same)
    largest = example.space.largest()
    assert any(not torch.equal(w, other(largest)[n]) for n, w in first(largest).items())


def test_two_calls_in_evaluation_mode_give_the_same_weights(generator, example):
    for architecture in some(example.space):
        assert_same(generator(architecture), generator(architecture))


def test_neither_building_nor_using_a_generator_moves_the_global_random_state(make, example):
    before = torch.get_rng_state()
    generator = make(example.space).eval()
    for architecture in some(example.space):
        generator.call(architecture, example.inputs)
        generator.export(architecture)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_state_saved_with_safetensors_loads_bit_for_bit_into_another_seed(
    generator, make, example
):
    other = make(example.space, seed=2)
    saved = save({name: tensor.clone() for name, tensor in generator.state_dict().items()})
    other.load_state_dict(load(saved))
    for ours, loaded in zip(
        everything(generator, example.space), everything(other.eval(), example.space), strict=True
    ):
        assert_same(loaded, ours)


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))], ids=["deepcopy", "pickle"]
)
def test_a_copy_gives_the_same_weights_and_shares_none(generator, example, again):
    copied = again(generator)
    for ours, theirs in zip(
        everything(generator, example.space), everything(copied, example.space), strict=True
    ):
        assert_same(ours, theirs)
    with torch.no_grad():
        for tensor in copied.state_dict().values():
            tensor.fill_(7)


def test_a_generator_moves_to_another_precision(make, example):
    generator = trained(make(example.space), example)
    architectures = some(example.space)
    expected = [generator.call(a, example.inputs) for a in architectures]
    inputs = as_double(example.inputs)
    generator.double()
    for architecture, single in zip(architectures, expected, strict=True):
        assert all(w.dtype == torch.float64 for w in generator(architecture).values())
        outputs = generator.call(architecture, inputs)
        assert outputs.dtype == torch.float64
        buffers = [
            b
            for b in generator.subnet(architecture).target.module.buffers()
            if b.is_floating_point()
        ]
        assert all(buffer.dtype == torch.float64 for buffer in buffers)
        assert_close(outputs.float(), single, rtol=1e-3, atol=1e-3)
        assert_close(generator.export(architecture)(inputs), outputs)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_generator_moves_to_a_gpu(make, example):
    generator = trained(make(example.space), example)
    architectures = some(example.space)
    expected = [generator.call(a, example.inputs) for a in architectures]
    generator.cuda()
    for architecture, on_cpu in zip(architectures, expected, strict=True):
        outputs = generator.call(architecture, example.inputs.cuda())
        assert_close(outputs.cpu(), on_cpu, rtol=1e-3, atol=1e-4)
        assert_close(generator.export(architecture)(example.inputs.cuda()), outputs)


def test_an_export_computes_what_the_call_does(generator, example):
    for architecture in some(example.space):
        expected = generator.call(architecture, example.inputs)
        exported = generator.export(architecture)
        assert type(exported) is type(example.space.build(architecture))
        assert not exported.training
        assert_close(exported(example.inputs), expected, rtol=0, atol=1e-6)
        assert_same(norm_statistics(exported), generator.statistics(architecture).tensors)


def test_an_export_does_not_depend_on_the_generators_mode(generator, example):
    smallest = example.space.smallest()
    expected = generator.export(smallest).state_dict()
    try:
        assert_same(generator.train().export(smallest).state_dict(), expected)
        assert all(part.training for part in generator.modules())
    finally:
        generator.eval()


def test_an_export_shares_nothing_with_its_generator(generator, example):
    exported = generator.export(example.space.largest())
    with torch.no_grad():
        for tensor in exported.state_dict().values():
            tensor.fill_(3)


def test_an_export_is_a_plain_picklable_module(generator, example):
    exported = generator.export(example.space.largest())
    again = pickle.loads(pickle.dumps(exported))
    assert_same(again.state_dict(), exported.state_dict())
    assert all(isinstance(p, nn.Parameter) and p.is_leaf for p in exported.parameters())


def test_calibrated_statistics_are_used_by_call_and_export_and_change_no_others(generator, example):
    for architecture in some(example.space):
        found = generator.calibrate(architecture, [example.inputs])
        assert found.keys() == generator.statistics(architecture).tensors.keys()
        outputs = generator.call(architecture, example.inputs, statistics=found)
        exported = generator.export(architecture, statistics=found)
        assert_close(exported(example.inputs), outputs, rtol=0, atol=1e-6)
        assert_same(norm_statistics(exported), found)


def test_training_moves_the_statistics_and_evaluation_does_not(make, example):
    generator = make(example.space)
    largest = max(example.space.references(), key=lambda a: len(generator.statistics(a).tensors))
    generator.train().call(largest, example.inputs)
    before = copy.deepcopy(dict(generator.statistics(largest).tensors))
    generator.eval().call(largest, example.inputs)
    assert_same(dict(generator.statistics(largest).tensors), before)
    generator.train().call(largest, example.inputs)
    for name, statistic in generator.statistics(largest).tensors.items():
        assert not torch.equal(statistic, before[name]), name


def test_inactive_choices_and_plain_dicts_do_not_matter(generator, example):
    space = example.space
    for architecture in some(space):
        described = {name: choice.values[0] for name, choice in space.choices.items()}
        described |= dict(architecture)
        assert_same(generator(described), generator(architecture))
        assert_same(generator(dict(architecture)), generator(architecture))
        assert_same(
            generator.statistics(described).tensors, generator.statistics(architecture).tensors
        )


def test_an_architecture_outside_the_space_is_refused(make, example):
    with pytest.raises(ValueError, match="is not an architecture of this space"):
        make(example.space)({"no such choice": 1})


def test_parameter_groups_hold_every_parameter_once(generator, example):
    grouped = [id(p) for group in generator.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in generator.parameters())


def test_vectors_do_not_decay(generator, example):
    decaying = {id(p) for g in generator.parameter_groups() if g.decay for p in g.parameters}
    largest = example.space.largest()
    for name, weight in generator(largest).items():
        generator.zero_grad()
        weight.sum().backward(retain_graph=True)
        used = {id(p) for p in generator.parameters() if p.grad is not None}
        assert bool(used & decaying) == (weight.dim() > 1), name


def test_the_description_counts_what_is_stored_and_generated(generator, example):
    description = generator.describe()
    largest = example.space.build(example.space.largest())
    assert description.num_generated == sum(p.numel() for p in largest.parameters())
    assert description.num_stored == sum(p.numel() for p in generator.parameters())
    assert set(weight_shapes(largest)) <= set(description.assignment)
    assert all(description.assignment.values())
    assert f"{description.num_stored:,} parameters stored" in str(description)


def test_what_evaluation_saw_in_inference_mode_can_be_trained(make, example):
    generator = make(example.space)
    for architecture in some(example.space):
        with torch.inference_mode():
            generator.eval().call(architecture, example.inputs)
        generator.train().call(architecture, example.inputs).sum().backward()
