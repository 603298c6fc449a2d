"""What holds of every generator holds with every slicer; and training chooses what is free."""

import copy
import pickle
from functools import partial

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor
from torch.testing import assert_close

from hypernas.data import Data, split_tensors
from hypernas.generators import Mixture, cafenet, choose_channels, hypernas, ofa, shared
from hypernas.generators.selection.channels import channels_by_size
from hypernas.generators.selection.free_channels import FreeChannels
from hypernas.generators.selection.kernel_transforms import KernelTransforms
from hypernas.objectives import CrossEntropy, InPlaceDistillation
from hypernas.sampling import Sandwich
from hypernas.space.architecture import Architecture
from hypernas.spaces import conv1d, conv2d, mlp
from hypernas.subnet.norms import norm_statistics
from hypernas.subnet.target import weight_shapes
from hypernas.training import Strategy, Task, Training
from hypernas.training.callbacks import Checkpoints


def with_coefficients(space, *, slicer, **options) -> Mixture:
    """A flagship whose slicer is another."""
    plain = hypernas(space, spread=0.5, **options)
    supernet = plain._supernet
    chosen = {
        "kernels": lambda: KernelTransforms(supernet),
        "channels": lambda: FreeChannels(supernet, channels=channels_by_size(supernet), radius=2),
    }[slicer]()
    return Mixture(supernet, bank=plain.bank, source=plain.source, slicer=chosen)


FACTORIES = {
    "ofa": ofa,
    "cafenet": cafenet,
    "hypernas_with_kernel_transforms": partial(with_coefficients, slicer="kernels"),
    "hypernas_with_free_channels": partial(with_coefficients, slicer="channels"),
}
SPACES = {
    "conv1d": (conv1d, (1, 12), {"widths": ((4, 6), (6, 8)), "norm": "batch"}),
    "conv2d": (conv2d, (1, 6, 6), {"widths": ((4, 6),), "kernels": (1, 3, 5), "norm": "none"}),
    "mlp": (mlp, (5,), {"widths": (4, 6, 8)}),
}


@pytest.fixture(scope="module", params=SPACES)
def example(request):
    space, shape, options = SPACES[request.param]
    inputs = torch.randn(4, *shape, generator=torch.Generator().manual_seed(0))
    return space(input_shape=shape, num_classes=3, **options), inputs


@pytest.fixture(scope="module", params=FACTORIES)
def factory(request):
    return FACTORIES[request.param]


@pytest.fixture(scope="module")
def generator(factory, example) -> Mixture:
    """As after training: parameters, statistics and what is free have moved. Only read."""
    space, inputs = example
    made = factory(space, seed=1).train()
    for i, architecture in enumerate(some(space)):
        rng = torch.Generator().manual_seed(i)
        choose_channels(made, architecture, inputs, loss=lambda y: y.square().mean(), rng=rng)
        made.call(architecture, inputs)
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    return made.eval()


def some(space) -> list[Architecture]:
    rng = torch.Generator().manual_seed(1)
    return [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(3))]


def assert_same(first: Mixture, second: Mixture) -> None:
    for architecture in some(first.space):
        assert_close(first(architecture), second(architecture), rtol=0, atol=0)
        statistics = first.statistics(architecture).tensors, second.statistics(architecture).tensors
        assert_close(*statistics, rtol=0, atol=0)


def test_weights_and_statistics_have_the_names_and_shapes_of_the_built_module(generator, example):
    for architecture in some(generator.space):
        module = generator.space.build(architecture)
        weights, statistics = generator(architecture), generator.statistics(architecture).tensors
        assert {name: w.shape for name, w in weights.items()} == weight_shapes(module)
        shapes = {name: s.shape for name, s in norm_statistics(module).items()}
        assert {name: s.shape for name, s in statistics.items()} == shapes


def test_every_parameter_gets_a_finite_gradient(generator):
    space = generator.space
    generator.zero_grad()
    for architecture in {
        space.largest_with(n, v) for n, c in space.choices.items() for v in c.values
    }:
        sum(w.square().sum() for w in generator(architecture).values()).backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_the_same_seed_and_the_same_call_give_the_same_weights(factory, example):
    first, second = factory(example[0], seed=5).eval(), factory(example[0], seed=5).eval()
    assert_same(first, second)
    assert_same(first, first)


def test_a_state_saved_with_safetensors_loads_bit_for_bit(generator, factory):
    other = factory(generator.space, seed=2).eval()
    saved = save({name: tensor.clone() for name, tensor in generator.state_dict().items()})
    other.load_state_dict(load(saved))
    assert_same(other, generator)


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))], ids=["deepcopy", "pickle"]
)
def test_a_copy_gives_the_same_weights_and_shares_none(generator, again):
    copied = again(generator)
    assert_same(copied, generator)
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    for tensor in copied.state_dict().values():
        tensor.zero_()
    assert_close(generator.state_dict(), before, rtol=0, atol=0)


def test_an_export_computes_what_the_call_does(generator, example):
    for architecture in some(generator.space):
        exported = generator.export(architecture)
        expected = generator.call(architecture, example[1])
        assert_close(exported(example[1]), expected, rtol=0, atol=1e-6)


def test_training_moves_the_statistics_of_a_subnet_as_training_it_alone_does(generator, example):
    moved = copy.deepcopy(generator)
    for architecture in some(moved.space):
        alone = moved.export(architecture).train()
        alone(example[1])
        moved.train().call(architecture, example[1])
        assert_close(dict(moved.statistics(architecture).tensors), norm_statistics(alone))


def test_parameter_groups_hold_every_parameter_once(generator):
    grouped = [id(p) for group in generator.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in generator.parameters())


# --- training ----------------------------------------------------------------------------------


def data() -> Data:
    rng = torch.Generator().manual_seed(0)
    inputs: Tensor = torch.randn(120, 5, generator=rng)
    parts = split_tensors(inputs, inputs[:, :3].argmax(1), (80, 20, 20), seed=0)
    return Data("largest of three", *parts, input_shape=(5,), num_classes=3)


def fit(generator: Mixture, objective=None, steps: int = 8, **options) -> Mixture:
    sgd = partial(torch.optim.SGD, lr=0.1)
    Training(steps=steps, batch_size=16).run(
        generator,
        Task(data(), objective or CrossEntropy()),
        Strategy(sampler=Sandwich(num_random=1), optimizer=sgd),
        device="cpu",
        **options,
    )
    return generator.eval()


def space():
    return mlp(input_shape=(5,), num_classes=3, widths=(4, 6, 8), depths=(1, 2))


@pytest.mark.parametrize("objective", [CrossEntropy(), InPlaceDistillation()])
def test_training_chooses_what_is_free(objective):
    generator = fit(cafenet(space()), objective)
    fresh = cafenet(space())
    assert not torch.equal(generator.slicer.chosen, fresh.slicer.chosen)


def test_training_with_radius_zero_is_training_with_shared_weights():
    first, second = fit(cafenet(space(), radius=0)), fit(shared(space()))
    for architecture in some(first.space):
        # steps of gathered slices and of prefixes are summed in another order
        assert_close(first(architecture), second(architecture), rtol=1e-5, atol=1e-7)


def test_a_resumed_run_chooses_as_one_that_never_stopped(tmp_path):
    saves = Checkpoints(tmp_path, every=4)
    whole, resumed = fit(cafenet(space()), callbacks=[saves]), cafenet(space())
    (tmp_path / "00000008").rename(tmp_path / "late")
    fit(resumed, resume=tmp_path)
    assert_same(resumed, whole)
