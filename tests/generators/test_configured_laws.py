"""What holds for every configured generator, and some variants, over every space it can serve."""

import copy
import pickle
from collections.abc import Callable
from functools import cache, partial

import pytest
import torch
from configured import NAMES, from_configuration
from example_spaces import EXAMPLES, Example
from safetensors.torch import load_file, save_file
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.generators import Generator
from hypernas.subnet.target import weight_shapes

VARIANTS: dict[str, Callable[..., Generator]] = {
    "ssn_repeated": partial(generators.ssn, max_parameters=250, upsample="repeat"),
    "ssn_averaged": partial(generators.ssn, combine="average", max_candidates=3),
    "acdc_groups": partial(generators.acdc, scope="net", group_dim=4, num_atoms=3),
    "few_shot_similar": partial(generators.few_shot, num_groups=3, grouping="similar"),
    "mos_top_2": partial(generators.mos_layer, top_k=2, balance=0.1),
    "mos_neuron_top_1": partial(generators.mos_neuron, top_k=1),
    "by_name_of_experts": partial(
        generators.by_name,
        parts={"*bias": generators.shared},
        rest=partial(generators.mos_layer, num_experts=2),
    ),
    "by_name_of_groups": partial(
        generators.by_name,
        parts={"*weight": partial(generators.few_shot, num_groups=2)},
        rest=generators.Standalone,
    ),
}
MAKERS = {name: partial(from_configuration, name) for name in NAMES} | VARIANTS


def example_of(kind: str, name: str) -> tuple[Callable[[], Generator], Example]:
    example = EXAMPLES[name]()
    return partial(undropped, MAKERS[kind], example.space), example


def undropped(make: Callable[..., Generator], space: SearchSpace) -> Generator:
    """Without dropout, under which no two calls agree."""
    generator = make(space=space)
    for part in generator.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return generator


@cache
def refusal(kind: str, name: str) -> ValueError | None:
    try:
        example_of(kind, name)[0]()
    except ValueError as error:
        return error
    return None


@pytest.fixture(params=[(kind, name) for kind in MAKERS for name in EXAMPLES], ids="-".join)
def case(request) -> tuple[Callable[[], Generator], Example]:
    if refused := refusal(*request.param):
        pytest.skip(f"refuses this space: {refused}")
    return example_of(*request.param)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_generator_serves_convolutions(kind):
    assert refusal(kind, "conv") is None


def some(space: SearchSpace) -> list:
    rng = torch.Generator().manual_seed(1)
    return [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(3))]


def weights_of(generator: Generator) -> list[dict[str, torch.Tensor]]:
    return [generator(architecture) for architecture in some(generator.space)]


def perturb(generator: Generator) -> None:
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))


def test_names_and_shapes_are_those_of_the_module(case):
    make, (space, _) = case
    generator = make()
    for architecture in some(space):
        shapes = {name: weight.shape for name, weight in generator(architecture).items()}
        assert shapes == weight_shapes(space.build(architecture))


def test_gradients_reach_what_was_used_and_every_parameter_is_in_one_group(case):
    make, (space, inputs) = case
    generator = make()
    before = [p.clone() for p in generator.parameters()]
    for architecture in some(space):
        generator.call(architecture, inputs).square().mean().backward()
    gradients = [p.grad for p in generator.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.abs().sum() > 0 for gradient in gradients)
    assert_close(before, list(generator.parameters())[: len(before)])
    grouped = [id(p) for group in generator.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in generator.parameters())


def test_two_generators_of_one_seed_are_equal_and_no_global_state_is_drawn_from(case):
    make, _ = case
    state = torch.get_rng_state()
    assert_close(weights_of(make()), weights_of(make()), rtol=0, atol=0)
    assert torch.equal(state, torch.get_rng_state())


def test_the_state_goes_through_safetensors(case, tmp_path):
    make, (space, inputs) = case
    generator, other = make(), make()
    perturb(generator)
    generator.train().call(space.largest(), inputs)  # moves the statistics of norms
    perturb(generator)
    save_file({n: t.clone() for n, t in generator.state_dict().items()}, tmp_path / "state")
    other.load_state_dict(load_file(tmp_path / "state"))
    assert_close(weights_of(other.eval()), weights_of(generator.eval()), rtol=0, atol=0)
    assert_close(
        other.statistics(space.largest()).tensors, generator.statistics(space.largest()).tensors
    )


def test_copies_and_pickles_are_equal_and_independent(case):
    make, _ = case
    generator = make().eval()
    perturb(generator)
    expected = [{n: w.clone() for n, w in weights.items()} for weights in weights_of(generator)]
    twins = [copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))]
    perturb(generator)
    for twin in twins:
        assert_close(weights_of(twin), expected, rtol=0, atol=0)


def test_an_exported_module_computes_what_the_generator_does(case):
    make, (space, inputs) = case
    generator = make()
    generator.train().call(space.largest(), inputs)
    generator.eval()
    for architecture in some(space):
        module = generator.export(architecture)
        assert_close(module(inputs), generator.call(architecture, inputs))


def test_many_architectures_at_once_are_those_one_by_one(case):
    make, (space, _) = case
    generator = make().eval()
    perturb(generator)
    assert_close(generator.many(some(space)), weights_of(generator))
    assert generator.many([]) == []


def test_a_condition_is_refused_where_none_is_read(case):
    make, (space, _) = case
    with pytest.raises(ValueError, match="reads no numbers beside the architecture"):
        make().subnet(space.largest(), torch.zeros(3))


def test_every_parameter_of_the_target_is_described(case):
    make, (space, _) = case
    generator = make()
    assert set(weight_shapes(space.build(space.largest()))) <= set(generator.assignment)
    assert str(generator.describe())
