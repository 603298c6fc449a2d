"""Groups of layers that share a vector: given, and learned from how layers mix the same candidates."""

import math

import pytest
import torch
from torch.testing import assert_close

from hypernas import generators
from hypernas.spaces import mlp
from hypernas.subnet.supernet import Supernet


def space(width=8):
    return mlp(input_shape=(width,), num_classes=3, depths=(4,), widths=(4, width), norm="none")


LAYERS = [f"layers.{i}.0.weight" for i in range(4)]


def test_layers_that_want_the_same_weights_are_found_to_be_a_group():
    generator = generators.ssn(space(), groups="learn", max_parameters=300, share="layers.*")
    planted = [0, 1, 0, 1]
    targets = 0.3 * torch.randn(2, 8, 8, generator=torch.Generator().manual_seed(1))
    optimizer = torch.optim.Adam(generator.parameters(), lr=0.03)
    for _ in range(60):
        weights = generator(space().largest())
        loss = sum(
            (weights[name] - targets[k]).square().mean()
            for name, k in zip(LAYERS, planted, strict=True)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert generators.layer_groups(generator, 2) == [LAYERS[::2], LAYERS[1::2]]
    assert generators.layer_groups(generator, 9) == [[name] for name in LAYERS]
    with pytest.raises(ValueError, match="1 or more"):
        generators.layer_groups(generator, 0)
    with pytest.raises(ValueError, match="made by ssn"):
        generators.layer_groups(generators.shared(space()), 2)


def test_a_layer_is_a_softmax_of_candidates_that_are_resized_from_blocks_of_its_proportions():
    own = mlp(input_shape=(16,), num_classes=3, depths=(1,), widths=(4, 8), norm="none")
    generator = generators.ssn(own, groups="learn", max_parameters=163, share="layers.*")
    bank, name = generator.bank.banks[0], "layers.0.0.weight"  # 8 by 16
    part = len(bank.vector) // 4
    rows = max(n for n in range(1, 9) if 2 * n * n <= part)
    columns = part // rows
    blocks = bank.vector[: 4 * rows * columns].detach().view(4, rows, columns)
    assert (rows, columns) != (8, 16)

    def resizing(num, few):  # shape: (num, few), bilinear between the centres of cells
        place = ((torch.arange(num) + 0.5) * few / num - 0.5).clamp(0, few - 1)
        return (1 - (place[:, None] - torch.arange(few)).abs()).clamp_min(0)

    large = resizing(8, rows) @ blocks @ resizing(16, columns).T
    logits = generator.source.logits(name).detach()
    expected = torch.einsum("k,koi->oi", logits.softmax(0), large) * generator.source.factors[name]
    assert_close(generator(own.largest())[name].detach(), expected, rtol=1e-5, atol=1e-6)


def test_groups_share_the_budget_by_their_sizes_and_nothing_else():
    groups = [["layers.0.*"], ["layers.1.*", "layers.2.*"], ["layers.3.*", "head.*"]]
    generator = generators.ssn(space(), groups=groups, max_parameters=260, max_candidates=1)
    shapes = Supernet(space()).shapes
    assert sum(p.numel() for p in generator.parameters()) <= 260
    first, second, rest = generator.bank.banks
    assert (first.scales.keys(), second.scales.keys()) == (
        {*LAYERS[1:3]},
        {LAYERS[3], "head.weight"},
    )
    assert_close(rest(LAYERS[0])[0], Supernet(space()).draw(0)[LAYERS[0]])  # a group of one
    stored = sum(
        math.prod(s) for n, s in shapes.items() if n not in [*first.scales, *second.scales]
    )
    for bank in (first, second):
        assert (
            len(bank.vector)
            == (260 - stored) * sum(shapes[n].numel() for n in bank.scales) // 216 - 2
        )
    weights = generator(space().largest())
    found = torch.autograd.grad(
        weights[LAYERS[1]].sum(), [first.vector, second.vector], allow_unused=True
    )
    assert found[0].abs().sum() > 0
    assert found[1] is None


@pytest.mark.parametrize("groups", [[["layers.*"]], [["*"], ["head.*"]], [["nothing"], ["*"]]])
def test_groups_that_are_no_partition_are_refused(groups):
    with pytest.raises(ValueError, match=r"belongs to one group|match none"):
        generators.ssn(space(), groups=groups)


def test_too_small_a_budget_to_learn_groups_is_refused_with_the_layer():
    with pytest.raises(ValueError, match="raise max_parameters"):
        generators.ssn(space(), groups="learn", max_parameters=60)
