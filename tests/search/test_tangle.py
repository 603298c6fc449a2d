"""Search by gradient: superposed weights, relaxed choices, and both trained in turns."""

import itertools

import pytest
import torch
from example_spaces import EXAMPLES
from torch import nn
from torch.testing import assert_close
from training_runs import blobs

from hypernas import Choice, SearchSpace, generators
from hypernas.objectives import CrossEntropy
from hypernas.search import (
    Dirichlet,
    Gumbel,
    Softmax,
    Sparsemax,
    Superposition,
    tangle,
)
from hypernas.subnet.supernet import Supernet
from hypernas.training import Training
from hypernas.training.task import Task

RELAXATIONS = [Softmax(), Sparsemax(), Dirichlet(), Gumbel()]


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def weights_of(superposition: Superposition) -> dict[str, torch.Tensor]:
    drawn = rng()
    return {
        name: torch.rand(num, generator=drawn, dtype=torch.double).softmax(0)
        for name, num in superposition.choices.items()
    }


@pytest.mark.parametrize("name", ["conv", "mlp", "tied", "attention"])
def test_a_mask_gives_the_sum_of_all_slices_padded_by_zeros(name):
    space = EXAMPLES[name]().space
    superposition, supernet = Superposition(space), Supernet(space)
    weights = weights_of(superposition)
    drawn = {n: torch.randn(s, dtype=torch.double) for n, s in supernet.shapes.items()}
    expected = {n: torch.zeros_like(w) for n, w in drawn.items()}
    slices = {}
    for positions in itertools.product(*(range(num) for num in superposition.choices.values())):
        chosen = dict(zip(superposition.choices, positions, strict=True))
        values = {n: c.values[chosen.get(n, 0)] for n, c in space.choices.items()}
        probability = torch.stack([weights[n][i] for n, i in chosen.items()]).prod()
        architecture = space.architecture(values)
        if architecture not in slices:
            slices[architecture] = supernet.slices(architecture).weights
        for n, where in slices[architecture].items():
            where.add(expected[n], where(drawn[n]), probability)
    assert_close(superposition(drawn, weights), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("make", [generators.shared, generators.hypernas])
def test_choices_that_are_certain_compute_the_subnet(make):
    example = EXAMPLES["attention"]()
    generator, largest = make(example.space).eval(), example.space.largest()
    superposition = Superposition(example.space)
    generated = generator(largest)
    same_scale = [
        a for a in example.space.enumerate() if a["dim"] == 4
    ]  # 1/√dim is the subnet's own
    for architecture in same_scale:
        certain = {
            name: torch.tensor([float(v == architecture[name]) for v in choice.values])
            for name, choice in example.space.choices.items()
        }
        superposed = superposition(generated, certain)
        slices = Supernet(example.space).slices(architecture).weights
        own = {name: where(generated[name]) for name, where in slices.items()}
        found = generator.call(largest, example.inputs, weights=superposed)
        part = generator.call(architecture, example.inputs, weights=own)
        assert_close(found[..., : part.shape[-1]], part)
        assert not found[..., part.shape[-1] :].any()


@pytest.mark.parametrize("relax", RELAXATIONS, ids=lambda relax: type(relax).__name__)
def test_a_relaxation_is_of_sum_1_repeats_with_its_generator_and_passes_gradients(relax):
    alpha = torch.tensor([0.1, 0.4, -0.3], requires_grad=True)
    weights = relax(alpha, 0.5, rng())
    assert_close(weights.sum(), torch.tensor(1.0))
    assert (weights >= 0).all()
    assert_close(relax(alpha, 0.5, rng()), weights)
    (weights * torch.tensor([1.0, 2.0, 4.0])).sum().backward()
    assert alpha.grad is not None
    assert alpha.grad.any()


def test_sparsemax_is_the_nearest_point_of_the_simplex():
    assert_close(Sparsemax()(torch.tensor([2.0, 0.0, -1.0]), 0, rng()), torch.tensor([1.0, 0, 0]))
    assert_close(Sparsemax()(torch.tensor([0.5, 0.3, -1]), 0, rng()), torch.tensor([0.6, 0.4, 0]))


def test_draws_have_the_means_that_their_distributions_have():
    alpha, drawn = torch.tensor([0.5, -0.5, 1.0]), rng()
    concentration = nn.functional.elu(alpha) + 1
    found = torch.stack([Dirichlet()(alpha, 0, drawn) for _ in range(2000)]).mean(0)
    assert_close(found, concentration / concentration.sum(), rtol=0, atol=0.03)
    found = torch.stack([Gumbel()(alpha, 1, drawn) for _ in range(2000)]).mean(0)
    assert_close(found, alpha.softmax(0), rtol=0, atol=0.04)


class Masked(nn.Module):
    """Wider nets read more of their inputs, of which only the first tell the class."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(2, width), nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.leave(self.enter(x).relu())


@pytest.mark.parametrize("make", [generators.shared, generators.hypernas])
def test_weights_and_choices_learn_in_turns_and_a_seed_repeats_it(make):
    space = SearchSpace({"width": [1, 2, 16]}, lambda a: Masked(a["width"]))
    task = Task(blobs(), CrossEntropy())
    found = []
    for _ in range(2):
        generator = make(space)
        before = {n: p.detach().clone() for n, p in generator.named_parameters()}
        found.append(
            tangle(
                generator,
                task,
                training=Training(steps=40, batch_size=16),
                optimizer=lambda groups: torch.optim.AdamW(groups, lr=0.02),
                lr=0.05,
            )
        )
        assert any(not torch.equal(before[n], p) for n, p in generator.named_parameters())
    assert_close(found[0].alpha, found[1].alpha, rtol=0, atol=0)
    assert found[0].alpha["width"].any()
    assert found[0].architecture == {"width": 16}  # one unit cannot tell three classes


def test_choices_without_an_order_or_without_weights_are_refused_by_name():
    def build(a):
        return nn.Sequential(
            nn.Linear(2, a["width"]), nn.Dropout(a["drop"]), nn.Linear(a["width"], 2)
        )

    with pytest.raises(ValueError, match=r"\['drop'\] change the slice of no parameter"):
        Superposition(SearchSpace({"width": [2, 3], "drop": [0.1, 0.2]}, build))
    unordered = {"width": Choice([2, 3], ordered=False), "drop": [0.1]}
    with pytest.raises(ValueError, match="width: not ordered"):
        Superposition(SearchSpace(unordered, build))
