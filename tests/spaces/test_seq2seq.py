import pytest
import torch
from torch.testing import assert_close

from hypernas.cost import num_parameters
from hypernas.generators import shared
from hypernas.spaces import seq2seq
from hypernas.subnet.target import weight_shapes

TEXT = {"input_shape": (12,), "num_classes": 11}
SMALL = {"encoder_dims": [8, 16], "decoder_dims": [8, 12], "qkv_dim": 16}


@pytest.fixture
def source() -> torch.Tensor:
    return torch.randint(1, 11, (3, 9))


@pytest.fixture
def target() -> torch.Tensor:
    return torch.randint(1, 11, (3, 6))


def test_outputs_are_logits_of_each_position_of_the_target(source, target):
    space = seq2seq(**TEXT)
    for architecture in (space.smallest(), space.largest()):
        assert space.build(architecture)(source, target).shape == (3, 6, 11)


def test_the_largest_default_subnet_has_less_than_a_million_parameters():
    space = seq2seq(input_shape=(64,), num_classes=1000)
    assert num_parameters(space.build(space.largest())) < 1e6


def test_logits_depend_on_the_source_and_on_earlier_symbols_of_the_target_only(source, target):
    space = seq2seq(**TEXT, **SMALL)
    generator = shared(space).eval()
    for architecture in (space.smallest(), space.largest()):
        logits = generator.call(architecture, source, target)
        changed = target.clone()
        changed[:, 3] = target[:, 3] % 10 + 1
        others = generator.call(architecture, source, changed)
        assert_close(others[:, :3], logits[:, :3])
        assert (others[:, 3:] - logits[:, 3:]).abs().amax((0, 2)).min() > 1e-6
        others = generator.call(architecture, source % 10 + 1, target)
        assert (others - logits).abs().amax((0, 2)).min() > 1e-6


def test_padding_after_the_source_changes_nothing(source, target):
    space = seq2seq(**TEXT, **SMALL, padding=0)
    net = space.build(space.largest()).eval()
    padded = torch.cat([source, torch.zeros(3, 2, dtype=torch.long)], dim=1)
    assert_close(net(padded, target), net(source, target))
    plain = seq2seq(**TEXT, **SMALL).build(space.largest())
    plain.load_state_dict(net.state_dict())
    assert (plain(padded, target) - plain(source, target)).abs().max() > 1e-6


def test_the_number_of_heads_changes_no_shape():
    space = seq2seq(**TEXT, **SMALL)
    largest = space.largest()
    fewer = {name: 2 if "heads" in name else value for name, value in largest.items()}
    assert weight_shapes(space.build(fewer)) == weight_shapes(space.build(largest))


def test_both_sides_read_the_first_columns_of_one_embedding(source, target):
    space = seq2seq(**TEXT, **SMALL)
    for encoder_dim, decoder_dim in ((8, 12), (16, 12)):
        architecture = {
            **space.largest(),
            "encoder_dim": encoder_dim,
            "decoder_dim": decoder_dim,
        }
        net = space.build(architecture)
        assert net.embedding.embedding_dim == max(encoder_dim, decoder_dim)
        before = net.encode(source, None)[-1], net(source, target)
        with torch.no_grad():
            net.embedding.weight[:, min(encoder_dim, decoder_dim) :] += 1
        after = net.encode(source, None)[-1], net(source, target)
        assert torch.equal(before[0], after[0]) == (encoder_dim < decoder_dim)
        assert not torch.equal(before[1], after[1])


def test_a_subnet_learns_to_reverse_its_source():
    space = seq2seq(**TEXT, encoder_dims=[16], decoder_dims=[16], qkv_dim=16, dropout=0.0)
    generator = shared(space)
    largest = space.largest()
    source = torch.randint(1, 4, (64, 3))
    target = torch.cat([torch.zeros(64, 1, dtype=torch.long), source.flip(1)], dim=1)
    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-2)
    for _ in range(100):
        logits = generator.call(largest, source, target[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert loss.detach() < 0.6  # log 3 = 1.1 without the source


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (3, 8, 8)}, r"sequences of shape \(length,\)"),
        ({"heads": [2, 3]}, r"heads must divide qkv_dim=64, got \[2, 3\]"),
        ({"heads": [0, 2]}, r"heads must divide qkv_dim=64, got \[0, 2\]"),
        ({"attend": [1, 3]}, r"between 1 and the smallest encoder depth, 2, got \[1, 3\]"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        seq2seq(**{**TEXT, **options})
