"""Hypernetworks that write piece by piece, by any network and in any pieces."""

import copy
import math
import pickle
from functools import partial

import pytest
import torch
from safetensors.torch import load, save
from torch import nn
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.generators import full_hypernetwork, mip_hypernetwork
from hypernas.generators.hypernetworks import (
    Attention,
    Convolution,
    Perceptron,
    Recurrence,
)
from hypernas.generators.hypernetworks.entry import Entry
from hypernas.spaces import mlp
from hypernas.subnet.target import weight_shapes

SPACE = mlp(input_shape=(5,), num_classes=3, depths=(1, 2), widths=(4, 8), norm="batch")
INPUTS = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
PIECES = ["heads", "components", "chunks"]
BODIES = [Perceptron, Convolution, Recurrence, Attention]
COMBINATIONS = [(pieces, body) for pieces in PIECES for body in BODIES]
SOME = [COMBINATIONS[i] for i in (0, 5, 6, 11)]  # each network, each kind of pieces


def small(space, pieces="components", body=Perceptron, **options):
    network = partial(body, hidden_dim=16)
    return full_hypernetwork(space, pieces=pieces, network=network, chunk_size=20, **options)


@pytest.fixture(params=COMBINATIONS, ids=lambda own: f"{own[0]}-{own[1].__name__}")
def make(request):
    return partial(small, pieces=request.param[0], body=request.param[1])


@pytest.fixture(params=SOME, ids=lambda own: f"{own[0]}-{own[1].__name__}")
def make_some(request):
    return partial(small, pieces=request.param[0], body=request.param[1])


def reader(kind, *, input_dim, input_size, embedding_dim, hidden_dim):
    """An entry and a body behind it: the input and the embeddings of pieces -> vectors."""
    rng = torch.Generator().manual_seed(0)
    body = kind(hidden_dim=hidden_dim, rng=rng)
    sizes = {"input_dim": input_dim, "input_size": input_size, "embedding_dim": embedding_dim}
    entry = Entry(hidden_dim, **sizes, rng=rng)
    return lambda inputs, embeddings: body(entry(inputs, embeddings))


def test_any_network_in_any_pieces_is_a_generator(make):
    before = torch.get_rng_state()
    generator, same, other = (make(SPACE, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    generator.train().call(SPACE.largest(), INPUTS).square().mean().backward()
    assert all(p.grad.isfinite().all() for p in generator.parameters())
    other.load_state_dict(load(save(generator.state_dict())))
    copies = [copy.deepcopy(generator), pickle.loads(pickle.dumps(generator)), other, same]
    for architecture in SPACE.enumerate():
        weights = generator.eval()(architecture)
        shapes = {name: weight.shape for name, weight in weights.items()}
        assert shapes == weight_shapes(SPACE.build(architecture))
        for twin in copies:
            assert_close(twin(architecture), weights, rtol=0, atol=0)
        expected = generator.call(architecture, INPUTS)
        assert_close(generator.export(architecture)(INPUTS), expected, rtol=0, atol=1e-6)
    assert generator.double()(SPACE.largest())["head.weight"].dtype == torch.float64


def test_weights_start_as_large_as_the_builders_own(make):
    space = mlp(input_shape=(24,), num_classes=3, depths=(1, 2), widths=(8, 16, 32), norm="none")
    largest = dict(space.build(space.largest()).named_parameters())
    squares: dict[str, list[float]] = {}
    for seed in range(3):
        generator = make(space, independent=False, seed=seed)
        rng = torch.Generator().manual_seed(seed)
        for _ in range(6):
            for name, weight in generator(space.sample(rng)).items():
                squares.setdefault(name, []).append(weight.square().mean().item())
    for name, found in squares.items():
        if largest[name].dim() > 1:  # nn.Linear draws uniformly within 1 / sqrt(fan_in)
            size = math.sqrt(sum(found) / len(found)) * math.sqrt(3 * largest[name].shape[1])
            assert 0.7 < size < 1.4, (name, size)


def test_beside_independent_weights_as_much_is_written_as_by_the_published_network(make_some):
    written = [g.deltas(SPACE.largest()) for g in (make_some(SPACE), mip_hypernetwork(SPACE))]
    for name, own in written[0].items():
        other = written[1][name].std().item()
        if own.dim() > 1:
            assert 0.4 < own.std().item() / other < 2.5, name
        else:
            assert own.std().item() < 0.05  # which would start at zero


def test_a_few_steps_lower_the_loss(make_some):
    generator = make_some(SPACE)
    optimizer = torch.optim.Adam(generator.parameters(), 3e-3)
    labels = torch.arange(len(INPUTS)) % 3
    losses = []
    for _ in range(10):
        outputs = (generator.call(a, INPUTS) for a in (SPACE.smallest(), SPACE.largest()))
        loss = sum(nn.functional.cross_entropy(own, labels) for own in outputs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.95 * losses[0]


def test_it_starts_at_a_trained_module(make_some):
    module = SPACE.build(SPACE.largest())
    generator = make_some(SPACE, start=module).eval()
    assert_close(generator.call(SPACE.largest(), INPUTS), module.eval()(INPUTS))


# --- what pieces are -----------------------------------------------------------------------------


def test_rows_of_a_tensor_are_one_layer_of_the_tensors_vector_times_the_channels():
    generator = small(SPACE, "components", independent=False)
    network = generator.network
    entered = network.entry(generator.inputs(SPACE.largest()), network.embeddings)
    hidden = network.body(entered)
    for i, (name, delta) in enumerate(generator.deltas(SPACE.largest()).items()):
        rows = delta if delta.dim() > 1 else delta[None]
        for channel, row in enumerate(rows.flatten(1)):
            vector = network.writer.channels[channel] * hidden[i]
            expected = network.writer.weight[: len(row)] @ vector * network.scales[i]
            assert_close(row, expected, msg=lambda text: f"{name}: {text}")  # noqa: B023


def test_chunks_are_one_layer_of_their_vectors_one_after_the_other():
    generator = small(SPACE, "chunks")
    network = generator.network
    entered = network.entry(generator.inputs(SPACE.largest()), network.embeddings)
    hidden = network.body(entered)
    every = torch.cat([network.writer.weight @ own for own in hidden])
    scales = network.scales.repeat_interleave(network._sizes)
    found = torch.cat([own.flatten() for own in generator.deltas(SPACE.largest()).values()])
    assert_close(found, every[: len(found)] * scales)
    assert len(every) - 20 < len(found) <= len(every)
    assert len(hidden) == math.ceil(len(found) / 20)


def test_a_large_target_is_written_from_fewer_numbers_than_it_has():
    wide = SearchSpace({"width": [64, 256]}, lambda a: nn.Linear(512, a["width"]))
    for pieces in ("components", "chunks"):
        assert (
            full_hypernetwork(wide, pieces=pieces, independent=False).describe().stored_per_weight
            < 1
        )
    assert full_hypernetwork(wide, pieces="heads").describe().stored_per_weight > 64


# --- what networks see ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        (Perceptron, [4]),
        (partial(Convolution, num_layers=2), [2, 3, 4, 5, 6]),
        (Recurrence, [0, 1, 2, 3, 4]),
        (Attention, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
    ids=["perceptron", "convolution", "recurrence", "attention"],
)
def test_the_vector_of_a_piece_depends_on_the_pieces_that_the_network_sees_from_there(kind, seen):
    embeddings = torch.randn(8, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    inputs = torch.ones(3, requires_grad=True)
    vectors = reader(kind, input_dim=3, input_size=2.0, embedding_dim=4, hidden_dim=8)(
        inputs, embeddings
    )
    assert vectors.shape == (8, 8)
    vectors[4, :3].sum().backward()  # not all: a layer norm holds their sum
    assert embeddings.grad.abs().sum(1).nonzero().flatten().tolist() == seen
    assert (inputs.grad != 0).all()


@pytest.mark.parametrize("kind", BODIES)
def test_vectors_of_pieces_start_apart_whatever_the_size_of_the_input(kind):
    embeddings = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))
    body = reader(kind, input_dim=200, input_size=10.0, embedding_dim=8, hidden_dim=32)
    vectors = body(torch.full((200,), 10 / math.sqrt(200)), embeddings)
    alike = nn.functional.cosine_similarity(vectors[None], vectors[:, None], dim=-1)
    assert alike.triu(1).sum() / (64 * 63 / 2) < 0.8


# --- conditions, and what is refused -------------------------------------------------------------


@pytest.mark.parametrize("make", [partial(small, body=Recurrence), mip_hypernetwork])
def test_weights_follow_a_condition_that_gradients_reach(make):
    generator, largest = make(SPACE, condition_dim=2), SPACE.largest()
    condition = torch.tensor([0.2, 0.7], requires_grad=True)
    own = generator(generator.subnet(largest, condition))
    sum(weight.square().sum() for weight in own.values()).backward()
    assert (condition.grad != 0).all()
    other = generator(generator.subnet(largest, torch.tensor([0.2, 0.8])))
    assert not torch.equal(own["head.weight"], other["head.weight"])
    again = generator(generator.subnet(largest, condition.detach()))
    assert_close(again["head.weight"], own["head.weight"], rtol=0, atol=0)
    with pytest.raises(ValueError, match="reads 2 numbers beside the architecture"):
        generator(largest)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pieces": "rows"}, r"one of \['heads', 'components', 'chunks'\], got 'rows'"),
        ({"pieces": "chunks", "chunk_size": 0}, "chunk_size must be 1 or more, got 0"),
        ({"embedding_dim": 0}, "embedding_dim must be 1 or more, got 0"),
        ({"network": partial(Perceptron, hidden_dim=0)}, "got {'hidden_dim': 0}"),
        ({"network": partial(Convolution, kernel=4)}, "kernel must be odd, such as 3, got 4"),
        ({"network": partial(Attention, hidden_dim=10)}, "divisible by num_heads, got 10 and 4"),
        ({"network": partial(Recurrence, num_layers=0)}, "got {'num_layers': 0}"),
    ],
)
def test_what_no_network_can_be_made_of_is_refused(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        full_hypernetwork(SPACE, **options)


# --- the taxonomy --------------------------------------------------------------------------------


def inputs_told(generator, *kinds):
    return [own.inputs for own in generator.describe(condition=kinds).taxonomies]


def test_a_generator_tells_what_it_reads_and_nothing_else():
    hypernas, mos = generators.hypernas, generators.mos_layer
    assert inputs_told(hypernas(SPACE)) == [("architecture",)]
    assert inputs_told(hypernas(SPACE), "noise") == [("architecture",)]
    assert inputs_told(hypernas(SPACE, condition_dim=2)) == [("architecture", "condition")]
    read = hypernas(SPACE, condition_dim=2)
    assert inputs_told(read, "task", "noise") == [("architecture", "task", "noise")]
    blind = hypernas(SPACE, condition_dim=2, reads_architecture=False)
    assert inputs_told(blind, "data") == [("data",)]
    assert inputs_told(hypernas(SPACE, reads_architecture=False)) == []
    assert inputs_told(mos(SPACE, constant=True, condition_dim=2)) == []
    assert inputs_told(generators.shared(SPACE)) == []


def test_generators_of_several_hypernetworks_tell_all_of_them():
    parts = {"head*": small, "layers*.bias": generators.shared}
    mixed = generators.by_name(SPACE, parts, rest=generators.mos_layer)
    found = mixed.describe()
    assert [own.outputs for own in found.taxonomies] == ["component-wise", "multiple heads"]
    assert str(found).count("hypernetwork: ") == 2
