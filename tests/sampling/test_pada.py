"""Importance sampling of architectures and examples by the norms of their gradients."""

import pytest
import torch
from torch.testing import assert_close
from training_runs import ADAMW, blobs, fit, short, space

from hypernas import generators
from hypernas.events import Begun, Stepped
from hypernas.objectives import CrossEntropy, InPlaceDistillation
from hypernas.sampling import PADA, Uniform
from hypernas.training import Strategy, Task, train_steps


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_an_example_counts_by_the_norm_of_its_gradient_at_the_logits(smoothing):
    objective = CrossEntropy(label_smoothing=smoothing)
    for shape in ((7,), (7, 4)):
        logits = torch.randn(*shape, 5, dtype=torch.double, requires_grad=True)
        targets = torch.randint(5, shape)
        if len(shape) > 1:
            targets[0, 1:3] = -100
        losses = objective.losses(logits, targets)
        assert_close(losses.mean(), objective.loss(logits, targets))
        for i, loss in enumerate(losses):
            (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
            norm = objective.gradient_norms(logits, targets)[i]
            assert_close(norm.double(), gradient.norm(), rtol=1e-6, atol=1e-7)


def test_it_is_the_published_one_without_smoothing():
    logits, targets = torch.randn(9, 4), torch.randint(4, (9,))
    expected = (logits.softmax(-1) - torch.nn.functional.one_hot(targets, 4)).norm(dim=-1)
    assert_close(CrossEntropy(label_smoothing=0).gradient_norms(logits, targets), expected)


def trained(sampler, **options):
    generator = generators.shared(space("layer"), seed=1)
    fit(generator, short(24, **options), sampler=sampler, callbacks=[])
    return dict(generator.named_parameters())


def test_without_importance_it_is_uniform_sampling_to_the_last_bit():
    assert_close(trained(PADA(path=0, data=0)), trained(Uniform()), rtol=0, atol=0)


@pytest.mark.parametrize("share", [{"data": 0.0}, {"path": 0.0}, {"unbiased": True}])
def test_each_part_changes_what_is_trained(share):
    own, plain = trained(PADA(**share)), trained(Uniform())
    assert any(not torch.equal(own[name], plain[name]) for name in own)


def after_an_epoch(**options):
    """A sampler half way through training, which knows a norm of each example and of two widths."""
    sampler, rng = PADA(**options), torch.Generator().manual_seed(0)
    own = space("layer")
    sampler.see(Begun(0, 100))
    assert sampler.order(0, 6, rng) is None
    sampler(own, rng)
    for width, norm in ((8, 3.0), (16, 1.0)):
        architecture = own.largest_with("width_0", width)
        sampler.see(
            Stepped(50, 100, [architecture], torch.zeros(1), None, False, torch.tensor(norm))
        )
    sampler.fared(torch.tensor([5, 1, 0, 2, 3]), torch.tensor([5.0, 1.0, 0.0, 2.0, 2.0]))
    return sampler, own, rng


def test_probabilities_sum_to_one_and_mix_norms_with_uniform_ones():
    sampler, own, rng = after_an_epoch()
    sampler.order(1, 6, rng)
    norms = torch.tensor([0.0, 1, 2, 2, 2, 5], dtype=torch.double)  # the fifth was never read
    assert_close(sampler.probabilities, 0.5 * norms / 12 + 0.5 / 6)
    assert_close(sampler.values["width_0"], [0.5 * 3 / 4 + 0.25, 0.5 * 1 / 4 + 0.25])
    drawn = [sampler(own, rng)[0]["width_0"] for _ in range(2000)]
    assert abs(drawn.count(8) / 2000 - 0.625) < 0.04


def test_a_floor_keeps_a_share_of_uniform_probabilities():
    sampler, _, rng = after_an_epoch(floor=0.8)
    sampler.progress = 1.0
    sampler.order(1, 6, rng)
    assert_close(float(sampler.probabilities.sum()), 1.0)
    assert float(sampler.probabilities.min()) >= 0.8 / 6 - 1e-12
    assert min(sampler.values["width_0"]) >= 0.8 / 2 - 1e-12


def test_unbiased_factors_give_the_uniform_mean_and_published_ones_do_not():
    sampler, own, rng = after_an_epoch(unbiased=True)
    examples = sampler.order(1, 6, rng)
    values = torch.tensor([1.0, 5, 2, 8, 3, 9])
    mean = (sampler.probabilities * sampler.factors(torch.arange(6)) * values).sum()
    assert_close(float(mean), float(values.mean()))
    assert sampler.factors(examples).shape == (6,)
    every = list(own.enumerate())
    uniform = [2.0 ** -len(architecture) for architecture in every]  # of two values each
    drawn = [u / weight for u, weight in zip(uniform, sampler.weights(every), strict=True)]
    assert_close(sum(drawn), 1.0)  # each is the probability of an architecture
    biased, _, rng = after_an_epoch()
    biased.order(1, 6, rng)
    assert biased.factors(examples) is None
    assert biased.weights(every[:2]) == [1.0, 1.0]


def test_the_variance_of_an_estimated_gradient_is_least_by_norms():
    gradients = torch.randn(200, 10, generator=torch.Generator().manual_seed(0)).double()
    gradients *= torch.linspace(0.1, 3, 200)[:, None]
    norms, mean = gradients.norm(dim=1), gradients.mean(0)

    def variance(p):  # of g / (N p), g drawn by p
        return float((norms.square() / p).sum() / 200**2 - mean.square().sum())

    uniform, best = torch.full((200,), 1 / 200).double(), norms / norms.sum()
    random = torch.rand(200, generator=torch.Generator().manual_seed(1)).double() + 0.05
    found = [variance(p) for p in (best, (best + uniform) / 2, uniform, random / random.sum())]
    assert found == sorted(found)


def test_examples_are_drawn_by_their_probabilities_and_the_same_when_asked_again():
    sampler, _, rng = after_an_epoch()
    sampler.order(1, 6, rng)
    many = torch.Generator().manual_seed(3)
    drawn = torch.cat([sampler.order(1, 6, many) for _ in range(1000)])
    found = torch.bincount(drawn, minlength=6) / len(drawn)
    assert_close(found.double(), sampler.probabilities, rtol=0, atol=0.02)
    again = [sampler.order(1, 6, torch.Generator().manual_seed(7)) for _ in range(2)]
    assert_close(again[0], again[1])


def test_it_refuses_an_objective_that_knows_no_examples():
    with pytest.raises(ValueError, match="InPlaceDistillation does not tell"):
        fit(
            generators.shared(space()),
            short(2),
            sampler=PADA(),
            objective=InPlaceDistillation(),
            callbacks=[],
        )
    with pytest.raises(ValueError, match="floor must be in"):
        PADA(floor=2)


def test_hard_examples_are_read_more_often_than_easy_ones():
    data, seen = blobs(), torch.zeros(160)
    _, labels = data.train.tensors
    labels[:8] = (labels[:8] + 1) % 3  # planted: these labels are wrong
    sampler = PADA()
    run = short(40).begin(
        generators.shared(space("layer")),
        Task(data, CrossEntropy()),
        Strategy(sampler=sampler, optimizer=ADAMW),
        device="cpu",
    )
    for _ in train_steps(run):
        pass
    for seed in range(50):
        order = sampler.order(sampler.epoch, 160, torch.Generator().manual_seed(seed))
        seen += torch.bincount(order, minlength=160)
    assert seen[:8].mean() > 1.5 * seen[8:].mean()
