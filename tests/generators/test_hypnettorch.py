"""Hypernetworks of hypnettorch as generators."""

import contextlib
import copy
import importlib
import io
import pickle
import subprocess
import sys
import warnings
from functools import partial

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.testing import assert_close

pytest.importorskip("hypnettorch")

from hypernas import SearchSpace
from hypernas.generators import Generator, chunked_hmlp, hmlp, shared
from hypernas.generators.banks.bank import key
from hypernas.generators.hypnettorch import from_hypnettorch, hypnettorch_arguments
from hypernas.spaces import mlp
from hypernas.subnet.target import weight_shapes

hnets = importlib.import_module("hypnettorch.hnets")

MLP = mlp(input_shape=(5,), num_classes=3, depths=(1, 2), widths=(4, 8), norm="batch")


class Tied(nn.Module):
    def __init__(self, architecture) -> None:
        super().__init__()
        width = architecture["width"]
        self.scale = nn.Parameter(torch.ones(width))
        self.enter, self.leave = nn.Linear(5, width), nn.Linear(5, width)
        self.leave.weight = self.enter.weight

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.scale * self.enter(x), self.leave(x)[:, :3]], dim=1)[:, :3]


TIED = SearchSpace({"width": [4, 6]}, Tied)


def in_one_list(chunks: list[list[Tensor]]) -> list[Tensor]:
    return [tensor for chunk in chunks for tensor in chunk]


def structured(space: SearchSpace, *, seed: int = 0, **options) -> Generator:
    """A hypernetwork of its own for every other tensor and the one after it."""
    arguments = hypnettorch_arguments(space)
    shapes = arguments["target_shapes"]
    chunks = [shapes[i : i + 2] for i in range(0, len(shapes), 2)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hnet = hnets.StructuredHMLP(
            **arguments,
            chunk_shapes=chunks,
            num_per_chunk=[1] * len(chunks),
            chunk_emb_sizes=0,
            hmlp_kwargs={"layers": [10]},
            assembly_fct=in_one_list,
        )
    return from_hypnettorch(hnet, space, seed=seed, **options)


KINDS = {
    "hmlp": hmlp,
    "hmlp alone": partial(hmlp, independent=False, encode=False),
    "chunked_hmlp": partial(chunked_hmlp, chunk_size=50),
    "chunked_hmlp alone": partial(chunked_hmlp, chunk_size=50, independent=False),
    "structured": structured,
}
INPUTS = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=KINDS.values(), ids=[name.replace(" ", "_") for name in KINDS])
def make(request):
    return request.param


@pytest.fixture(params=[MLP, TIED], ids=["mlp", "tied"])
def space(request) -> SearchSpace:
    return request.param


def assert_same(first, second) -> None:
    assert_close(first, second, rtol=0, atol=0)


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


def test_weights_depend_on_the_architecture(make):
    generator = make(MLP)
    largest = MLP.largest()
    other = MLP.architecture({**largest, "width_0": 4})
    assert not torch.equal(generator(largest)["head.weight"], generator(other)["head.weight"])


def test_an_export_computes_what_the_call_does(make, space):
    generator = make(space).eval()
    for architecture in space.enumerate():
        exported = generator.export(architecture)
        assert_close(exported(INPUTS), generator.call(architecture, INPUTS), rtol=0, atol=1e-6)


def test_a_state_saved_with_safetensors_loads_bit_for_bit_into_another_seed(make, space):
    generator, other = make(space, seed=1), make(space, seed=2)
    other.load_state_dict(load(save(generator.state_dict())))
    for architecture in space.enumerate():
        assert_same(other(architecture), generator(architecture))


def test_parameters_are_saved_once(make):
    state = make(TIED).state_dict()  # without batch norms
    parameters = dict(make(TIED).named_parameters())
    assert all(name in state for name in parameters)
    assert set(state) - set(parameters) <= {
        "network.scales",
        *(f"theta_0.{name}" for name in ("/scale", "enter/weight", "enter/bias", "leave/bias")),
    }


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))], ids=["deepcopy", "pickle"]
)
def test_a_copy_gives_the_same_weights_and_shares_none(make, space, again):
    generator = make(space)
    expected = generator(space.smallest())
    copied = again(generator)
    assert_same(copied(space.smallest()), expected)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.fill_(7)
    assert_same(generator(space.smallest()), expected)


def test_a_generator_moves_to_another_precision(make, space):
    generator = make(space)
    single = generator(space.largest())
    for name, weight in generator.double()(space.largest()).items():
        assert weight.dtype == torch.float64
        assert_close(weight.float(), single[name], rtol=1e-4, atol=1e-6)


def test_a_few_steps_lower_the_loss(make, space):
    generator = make(space)
    optimizer = torch.optim.Adam(generator.parameters(), 3e-3)
    labels = torch.arange(6) % 3
    losses = []
    for _ in range(15):
        loss = nn.functional.cross_entropy(generator.call(space.largest(), INPUTS), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_weights_are_theta_0_and_the_scaled_output_of_the_hypernetwork(space):
    hnet = hnets.HMLP(**hypnettorch_arguments(space), layers=(7,))
    generator = from_hypnettorch(hnet, space)
    largest = space.largest()
    written = hnet.forward(uncond_input=generator.inputs(largest)[None])
    for (name, weight), part, scale in zip(
        generator(largest).items(), written, generator.network.scales, strict=True
    ):
        theta_0 = generator.theta_0.get_parameter(key(name))
        assert_close(weight, theta_0 + scale * part)


def test_without_rescaling_the_output_is_taken_as_it_is():
    hnet = hnets.HMLP(**hypnettorch_arguments(TIED, encode=False), layers=(7,))
    generator = from_hypnettorch(hnet, TIED, encode=False, independent=False, rescale=False)
    written = hnet.forward(uncond_input=generator.inputs(TIED.largest())[None])
    weights = dict(zip(weight_shapes(TIED.build(TIED.largest())), written, strict=True))
    weights["scale"] = weights["scale"] + 1  # what the builder sets to a constant stays
    assert_close(generator(TIED.largest()), weights)


def test_training_the_generator_trains_the_given_hypernetwork():
    hnet = hnets.HMLP(**hypnettorch_arguments(TIED), layers=(7,))
    generator = from_hypnettorch(hnet, TIED)
    own = {id(p) for p in generator.network.parameters()}
    assert own == {id(p) for p in hnet.parameters()}


def test_norm_scales_start_near_one_and_matrices_near_theta_0():
    generator = hmlp(MLP)
    weights, sharing = generator(MLP.largest()), shared(MLP)(MLP.largest())
    assert_close(weights["layers.0.1.weight"], torch.ones(8), rtol=0, atol=0.1)
    added = (weights["layers.1.0.weight"] - sharing["layers.1.0.weight"]).std()
    # |E| / sqrt(fan_out) of what the builder draws, in the mean over architectures
    drawn = 1 / (3 * 8) ** 0.5  # by nn.Linear
    expected = drawn * (generator.inputs(MLP.largest()).square().sum() / 8).sqrt()
    assert expected / 2 < added < 2 * expected


@torch.no_grad()
def test_alone_a_chunked_hypernetwork_starts_as_large_as_the_builder():
    space = mlp(input_shape=(20,), num_classes=5, depths=(2,), widths=(16, 32), norm="none")
    generator = chunked_hmlp(space, independent=False)
    squares = [generator.deltas(a)["layers.1.0.weight"].square().mean() for a in space.enumerate()]
    found = torch.stack(squares).mean().sqrt().item()
    assert_close(found, 1 / (3 * 32) ** 0.5, rtol=0.1, atol=0)  # how nn.Linear draws


def after_hyperfan(space, chunk_size: int):
    """A chunked hypernetwork after hypnettorch's own start, whose outputs have a deviation of 1 to 2."""
    hnet = hnets.ChunkedHMLP(
        **hypnettorch_arguments(space), chunk_size=chunk_size, chunk_emb_size=8, layers=(20,)
    )
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the variance of its inputs
        hnet.apply_chunked_hyperfan_init(mnet=None)
    return hnet


@torch.no_grad()
@pytest.mark.parametrize("chunk_size", [64, 300])
def test_after_hypnettorchs_own_start_a_chunked_hypernetwork_is_as_large_as_the_builder(chunk_size):
    space = mlp(input_shape=(30,), num_classes=5, depths=(2,), widths=(24, 48), norm="none")
    name, wanted = "layers.1.0.weight", 1 / (3 * 48) ** 0.5  # how nn.Linear draws
    options = {"independent": False, "seed": 0}

    def deviation(generator) -> float:
        squares = [generator.deltas(a)[name].square().mean() for a in space.enumerate()]
        return torch.stack(squares).mean().sqrt().item()

    generator = from_hypnettorch(after_hyperfan(space, chunk_size), space, **options)
    assert_close(deviation(generator), wanted, rtol=0.15, atol=0)
    with pytest.warns(UserWarning, match=rf"many times as large(.|\n)*{name}(.|\n)*rescale=True"):
        generator = from_hypnettorch(
            after_hyperfan(space, chunk_size), space, rescale=False, **options
        )
    assert deviation(generator) > 5 * wanted


def test_a_chunked_hypernetwork_can_store_fewer_numbers_than_it_writes():
    space = mlp(input_shape=(64,), num_classes=10, depths=(3,), widths=(64, 128), norm="none")
    generator = chunked_hmlp(space, chunk_size=64, hidden_dims=(32, 32), independent=False)
    assert generator.describe().stored_per_weight < 0.5


def test_dropout_in_a_hypernetwork_acts_in_training_mode_only():
    hnet = hnets.HMLP(**hypnettorch_arguments(TIED), layers=(50,), dropout_rate=0.5)
    generator = from_hypnettorch(hnet, TIED)
    first, second = (generator.train()(TIED.largest())["enter.weight"] for _ in range(2))
    assert not torch.equal(first, second)
    first, second = (generator.eval()(TIED.largest())["enter.weight"] for _ in range(2))
    assert_same(first, second)


def test_a_hypernetwork_of_other_shapes_is_refused_with_every_misfit():
    arguments = hypnettorch_arguments(TIED) | {"num_cond_embs": 2, "cond_in_size": 3}
    arguments["target_shapes"] = [[6], [5, 6], [6], [7]]
    with pytest.raises(ValueError, match="does not write for this space") as caught:
        from_hypnettorch(hnets.HMLP(**arguments), TIED)
    for misfit in (
        "target_shapes, enter.weight: expected [6, 5], got [5, 6]",
        "target_shapes, leave.bias: expected [6], got [7]",
        "num_cond_embs: expected 0, got 2",
        "Build it with **hypnettorch_arguments(space).",
    ):
        assert misfit in str(caught.value)


def test_a_hypernetwork_of_another_input_is_refused():
    hnet = hnets.HMLP(**hypnettorch_arguments(TIED))
    with pytest.raises(ValueError, match="does not read an unconditional input of 1 numbers"):
        from_hypnettorch(hnet, TIED, encode=False)


def test_what_is_not_a_hypernetwork_is_refused():
    with pytest.raises(TypeError, match=r"such as HMLP\(...\), got Linear"):
        from_hypnettorch(nn.Linear(2, 28), TIED)


def test_building_and_using_hypernetworks_prints_nothing(capsys):
    for make in KINDS.values():
        make(TIED)(TIED.largest())
    assert capsys.readouterr() == ("", "")


def test_a_missing_package_is_named_with_what_to_install():
    code = (
        "import sys\n"
        "from hypernas import generators, spaces\n"
        "assert not any(name.split('.')[0] == 'hypnettorch' for name in sys.modules)\n"
        "sys.modules['matplotlib'] = None\n"
        "generators.hmlp(spaces.mlp(input_shape=(5,), num_classes=3))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        "ImportError: hypernetworks of hypnettorch need matplotlib: "
        "pip install 'hypernas[hypnettorch]'"
    )
