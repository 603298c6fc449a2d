"""Weights that torch would not train, under every configured generator."""

import copy

import pytest
import torch
from configured import NAMES, configured
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import Architecture, SearchSpace, generators
from hypernas.growth.network import Network
from hypernas.subnet.skeleton import build_skeleton
from hypernas.subnet.target import weight_shapes


class Table(nn.Embedding):
    """An embedding of a user's own."""


class Words(nn.Module):
    """A bag and a mean of words, with sparse gradients, padding, and parameters that stay."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = int(architecture["width"])
        self.words = Table(7, width, padding_idx=-2, sparse=True)
        self.bag = nn.EmbeddingBag(7, width, padding_idx=3, sparse=True, mode="sum")
        self.waves = nn.Parameter(torch.arange(width * 2.0).view(2, width).sin())
        self.waves.requires_grad = False
        self.taper = nn.Parameter(
            torch.full((width, 3), 0.1, dtype=torch.half), requires_grad=False
        )
        order = torch.arange(width).flip(0)
        self.order = nn.Parameter(order, requires_grad=False)
        self.still = nn.Embedding.from_pretrained(torch.ones(7, 12 // width))
        self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.words(x).mean(1) + self.bag(x) + self.waves.sum(0)
        hidden = hidden[:, self.order] * self.taper.float().sum(1)
        return self.head(hidden) * self.still(x).sum((1, 2))[:, None]


class Tied(nn.Module):
    """An embedding with padding whose weight the output layer reads too."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.words = nn.Embedding(5, width, padding_idx=0)
        self.head = nn.Linear(width, 5, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.words(x)).square()


FROZEN = ["waves", "taper", "order", "still.weight"]


def space() -> SearchSpace:
    return SearchSpace({"width": [4, 6]}, Words)


def trained(name: str) -> generators.Generator:
    generator = configured(name)(space=space())
    inputs = torch.tensor([[0, 5, 3], [5, 1, 3], [6, 2, 4]])
    for width in (4, 6):
        generator.call({"width": width}, inputs).square().mean().backward()
    with torch.no_grad():
        for parameter in generator.parameters():
            if parameter.grad is not None:
                assert not parameter.grad.is_sparse
                parameter.add_(parameter.grad, alpha=-0.01)
    return generator.eval()


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_padding_are_zero_and_frozen_parameters_the_builders(name):
    generator = trained(name)
    inputs = torch.tensor([[0, 1, 3], [5, 1, 2]])
    for width in (4, 6):
        with torch.no_grad():
            weights = generator({"width": width})
            outputs = generator.call({"width": width}, inputs)
        module = generator.space.build({"width": width})
        assert {n: w.shape for n, w in weights.items()} == weight_shapes(module)
        assert weights["words.weight"][5].count_nonzero() == 0
        assert weights["words.weight"][4].count_nonzero() > 0
        assert weights["bag.weight"][3].count_nonzero() == 0
        exported = generator.export({"width": width})
        for of in (weights, dict(exported.named_parameters())):
            found = {n: of[n] for n in FROZEN}
            assert_close(found, {n: module.get_parameter(n) for n in FROZEN}, rtol=0, atol=0)
        assert [p.requires_grad for p in exported.parameters()] == [
            p.requires_grad for p in module.parameters()
        ]
        assert_close(exported(inputs), outputs)


@pytest.mark.parametrize("name", NAMES)
def test_frozen_parameters_are_neither_stored_nor_counted(name):
    generator = trained(name)
    assert all(parameter.requires_grad for parameter in generator.parameters())
    kept = " ".join(generator.state_dict())
    assert not any(part in kept for part in ("waves", "taper", "order", "still"))
    largest = build_skeleton(generator.space, generator.space.largest())
    wanted = sum(p.numel() for p in largest.parameters() if p.requires_grad)
    assert generator.describe().num_generated == wanted
    again = copy.deepcopy(generator)
    again.load_state_dict(generator.state_dict())
    assert_close(again({"width": 4}), generator({"width": 4}))


def test_no_gradient_reaches_a_row_of_padding():
    generator = generators.ssn(space())
    weights = generator({"width": 6})
    drawn = generator.generate([generator.subnet({"width": 6})])[0]["words.weight"]
    assert drawn[5].count_nonzero() > 0
    parameters = [p for p in generator.parameters() if p.requires_grad]
    found = torch.autograd.grad(weights["words.weight"][5].sum(), parameters, allow_unused=True)
    assert all(g is None or g.count_nonzero() == 0 for g in found)


def test_an_output_layer_that_is_tied_trains_the_row_of_padding_as_in_torch():
    generator = generators.shared(SearchSpace({"width": [4]}, lambda a: Tied(4)))
    plain = generator.export({"width": 4})
    inputs = torch.tensor([0, 1, 2])
    generator.call({"width": 4}, inputs).sum().backward()
    plain(inputs).sum().backward()
    (gradient,) = [p.grad for p in generator.parameters()]
    assert gradient[0].shape == plain.words.weight.shape
    assert_close(gradient[0], plain.words.weight.grad)
    plain.words.weight.data[0] = 1.0
    with torch.no_grad():
        next(generator.parameters())[0, 0] = 1.0
    assert generator({"width": 4})["words.weight"][0].count_nonzero() == 4


def test_tensors_of_other_types_keep_them_when_a_generator_is_moved_to_another():
    generator = generators.shared(space()).double()
    weights = generator({"width": 4})
    kinds = {n: weights[n].dtype for n in FROZEN}
    expected = [torch.double, torch.half, torch.int64, torch.double]
    assert kinds == dict(zip(FROZEN, expected, strict=True))
    assert {n: p.dtype for n, p in generator.export({"width": 4}).named_parameters()} == {
        n: w.dtype for n, w in weights.items()
    }


def test_a_space_of_frozen_parameters_alone_is_refused():
    build = nn.Linear(2, 2).requires_grad_(False)
    with pytest.raises(ValueError, match="no parameters that require a gradient"):
        generators.shared(SearchSpace({"width": [1]}, lambda a: copy.deepcopy(build)))


def test_a_network_to_grow_has_the_parameters_that_are_generated():
    assert not set(FROZEN) & set(Network(space(), "largest").weights)


@pytest.mark.parametrize("name", ["shared", "hypernas", "standalone", "few_shot", "by_name"])
def test_a_start_has_its_own_rows_of_padding(name):
    trained = space().build({"width": 6})
    torch.nn.init.normal_(trained.words.weight)
    generator = configured(name)(space=space(), start=trained)
    inputs = torch.tensor([[5, 5, 3]])
    assert_close(generator.eval().call({"width": 6}, inputs), trained.eval()(inputs))
    row = generator({"width": 4})["words.weight"][5]
    assert_close(row, trained.words.weight[5, :4])
    again = configured(name)(space=space())
    again.load_state_dict(generator.state_dict())
    assert_close(again({"width": 4})["words.weight"][5], row)


def test_rows_of_padding_come_and_go_with_a_state():
    trained = space().build({"width": 6})
    torch.nn.init.ones_(trained.words.weight)
    generator, fresh = generators.shared(space(), start=trained), generators.shared(space())
    assert generator({"width": 4})["words.weight"][5].sum() == 4
    generator.load_state_dict(fresh.state_dict())
    assert generator({"width": 4})["words.weight"][5].sum() == 0
