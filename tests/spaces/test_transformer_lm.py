import pytest
import torch
from torch.testing import assert_close

from hypernas.cost import num_parameters
from hypernas.generators import hypernas, shared
from hypernas.objectives import CrossEntropy
from hypernas.spaces import transformer_lm

TEXT = {"input_shape": (16,), "num_classes": 11}
SMALL = {"depths": [1, 2], "embed_dims": [8, 16], "heads": [1, 2], "head_dim": 8, "ratios": [1, 2]}


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(11, (3, 16))


def test_outputs_are_logits_of_each_position_of_texts_up_to_the_context(tokens):
    space = transformer_lm(**TEXT)
    for architecture in (space.smallest(), space.largest()):
        net = space.build(architecture)
        assert net(tokens).shape == (3, 16, 11)
        assert net(tokens[:, :5]).shape == (3, 5, 11)


def test_the_largest_default_subnet_has_less_than_a_million_parameters():
    space = transformer_lm(input_shape=(64,), num_classes=65)
    assert num_parameters(space.build(space.largest())) < 1e6


def test_a_model_of_the_size_of_gpt_2_has_its_published_number_of_parameters():
    space = transformer_lm(
        input_shape=(1024,),
        num_classes=50257,
        depths=[12],
        embed_dims=[768],
        heads=[12],
        head_dim=64,
        ratios=[4],
    )
    with torch.device("meta"):
        assert num_parameters(space.build(space.largest())) == 124_439_808


def test_logits_do_not_depend_on_later_symbols(tokens):
    space = transformer_lm(**TEXT)
    generator = shared(space).eval()
    for architecture in (space.smallest(), space.largest()):
        logits = generator.call(architecture, tokens)
        changed = tokens.clone()
        changed[:, 9] = (tokens[:, 9] + 1) % 11
        others = generator.call(architecture, changed)
        assert_close(others[:, :9], logits[:, :9])
        assert (others[:, 9:] - logits[:, 9:]).abs().amax((0, 2)).min() > 1e-5


def test_the_embedding_and_the_head_stay_one_parameter(tokens):
    space = transformer_lm(**TEXT, **SMALL)
    for make in (shared, hypernas):
        generator = make(space)
        for architecture in (space.smallest(), space.largest()):
            weights = generator(architecture)
            assert "embedding.weight" in weights
            assert "head.weight" not in weights
            net = generator.export(architecture)
            assert net.head.weight is net.embedding.weight
            with torch.no_grad():
                net.embedding.weight.zero_()
            assert_close(net(tokens), torch.zeros(3, 16, 11))


def test_subnets_learn_to_continue_a_period():
    space = transformer_lm(**TEXT, **SMALL)
    objective = CrossEntropy(label_smoothing=0)
    text = torch.arange(11).repeat(20)[:200].unfold(0, 17, 7)
    inputs, targets = text[:, :-1], text[:, 1:]
    generator = shared(space)
    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-2)
    for _ in range(80):
        for architecture in (space.smallest(), space.largest()):
            objective.loss(generator.call(architecture, inputs), targets).backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        for architecture in (space.smallest(), space.largest()):
            loss = objective.loss(generator.call(architecture, inputs), targets)
            assert loss < 0.5  # at first log 11 = 2.4


def test_inputs_that_are_not_sequences_are_refused():
    with pytest.raises(ValueError, match=r"sequences of shape \(context,\)"):
        transformer_lm(input_shape=(3, 8, 8), num_classes=10)


def test_the_embedding_starts_at_the_size_of_the_largest_in_every_subnet_unless_told(tokens):
    space = transformer_lm(**TEXT, **{**SMALL, "embed_dims": [32, 64]})
    told = transformer_lm(**TEXT, **{**SMALL, "embed_dims": [32, 64]}, embed_std=0.02)
    for architecture in (space.smallest(), space.largest()):
        for of, std in ((space, 1 / 8), (told, 0.02)):
            net = of.build(architecture)
            for weight in (net.embedding.weight, net.positions):
                assert_close(weight.std(), torch.tensor(std), rtol=0.15, atol=0)


@pytest.mark.parametrize("std", [0, -0.1])
def test_an_embedding_without_a_size_is_refused(std):
    with pytest.raises(ValueError, match="embed_std must be positive"):
        transformer_lm(**TEXT, embed_std=std)
