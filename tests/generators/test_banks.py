"""Templates, flat banks and atoms: what each stores, and what it makes of it."""

import math
from functools import partial

import pytest
import torch
from example_spaces import EXAMPLES
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.spaces import conv2d, mlp
from hypernas.subnet.supernet import Supernet

SEEDS = range(4)


def images() -> SearchSpace:
    return conv2d(input_shape=(3, 8, 8), num_classes=4, widths=((8, 16), (16, 32)), depths=(2, 4))


def equal_layers(depth: int = 5, width: int = 16) -> SearchSpace:
    return mlp(input_shape=(width,), num_classes=3, depths=(1, depth), widths=(8, width))


STARTS = {
    "soft_sharing": generators.soft_sharing,
    "soft_sharing_3": partial(generators.soft_sharing, num_templates=3),
    "ssn": generators.ssn,
    "ssn_average": partial(generators.ssn, combine="average", max_candidates=4),
    "ssn_stretched": partial(generators.ssn, max_parameters=4000),
    "ssn_repeated": partial(generators.ssn, max_parameters=4000, upsample="repeat"),
    "acdc": generators.acdc,
    "acdc_groups": partial(generators.acdc, scope="net", group_dim=8),
}


@pytest.mark.parametrize("kind", STARTS)
def test_weights_start_as_large_as_the_builder_makes_them(kind):
    space = images()
    supernet = Supernet(space)
    ours: dict[str, list[torch.Tensor]] = {}
    for seed in SEEDS:
        for name, weight in STARTS[kind](space, seed=seed)(space.largest()).items():
            ours.setdefault(name, []).append(weight.detach())
    theirs = [supernet.draw(seed + 100) for seed in SEEDS]
    for name, weights in ours.items():
        expected = torch.stack([draw[name] for draw in theirs])
        if weights[0].dim() == 1 and "head" not in name:  # norms start at 1 and 0
            assert_close(torch.stack(weights), expected, rtol=0, atol=0)
        else:
            tolerance = 0.05 + 2.5 / math.sqrt(expected.numel())
            assert_close(torch.stack(weights).std(), expected.std(), rtol=tolerance, atol=0)


# --- templates -----------------------------------------------------------------------------------


def test_weights_are_linear_in_the_templates_and_in_the_coefficients():
    space = equal_layers()
    generator = generators.soft_sharing(space, num_templates=3)
    architecture = space.largest()
    before = generator(architecture)["layers.2.0.weight"].clone()
    with torch.no_grad():
        for stack in generator.bank.banks[0].stacks:
            stack.mul_(2)
    assert_close(generator(architecture)["layers.2.0.weight"], 2 * before)
    with torch.no_grad():
        for vector in generator.source.parameters():
            vector.mul_(-3)
    assert_close(generator(architecture)["layers.2.0.weight"], -6 * before)


def test_a_layer_is_the_sum_of_its_templates_times_its_coefficients():
    space = equal_layers()
    generator = generators.soft_sharing(space, num_templates=3)
    (templates,) = generator.bank.banks[0].stacks
    found = generator.coefficients(space.largest())
    for name in ("layers.1.0.weight", "layers.4.0.weight"):
        expected = torch.einsum("k,koi->oi", found[name].experts, templates)
        assert_close(generator(space.largest())[name], expected)
        small = space.architecture({**space.largest(), **{f"width_{i}": 8 for i in range(5)}})
        assert_close(generator(small)[name], expected[:8, :8])


def test_the_first_template_of_a_single_one_is_the_builders_draw():
    space = equal_layers()
    generator = generators.soft_sharing(space, num_templates=1, seed=3)
    plain = generators.shared(space, seed=3)
    first = "layers.0.0.weight"
    assert_close(generator(space.largest())[first], plain(space.largest())[first])
    assert_close(generator(space.largest())["layers.3.0.weight"], plain(space.largest())[first])


def test_no_group_has_more_templates_than_layers():
    space = equal_layers(depth=3)
    generator = generators.soft_sharing(space, num_templates=9)
    (templates,) = generator.bank.banks[0].stacks
    assert templates.shape == (3, 16, 16)


def test_constants_and_layers_of_other_modules_do_not_share():
    class Net(nn.Module):
        def __init__(self, architecture):
            super().__init__()
            width = architecture["width"]
            self.linear, self.second = nn.Linear(width, width), nn.Linear(width, width)
            self.table = nn.Embedding(width, width)
            self.zero = nn.Linear(width, width)
            nn.init.zeros_(self.zero.weight)

    generator = generators.soft_sharing(SearchSpace({"width": [4, 6]}, Net), num_templates=1)
    assert generator.bank.banks[0].sharing == [["linear.weight", "second.weight"]]
    assert not generator({"width": 6})["zero.weight"].any()


def test_layers_of_other_size_at_the_start_share_templates_at_their_own_size():
    class Net(nn.Module):
        def __init__(self, architecture):
            super().__init__()
            width = architecture["width"]
            self.wide, self.narrow = nn.Linear(width, width), nn.Linear(width, width)
            nn.init.normal_(self.wide.weight, std=1.0)
            nn.init.normal_(self.narrow.weight, std=0.01)

    space = SearchSpace({"width": [32, 64]}, Net)
    weights = generators.soft_sharing(space)({"width": 64})
    assert_close(weights["wide.weight"].std(), torch.tensor(1.0), rtol=0.05, atol=0)
    assert_close(weights["narrow.weight"].std(), torch.tensor(0.01), rtol=0.05, atol=0)


def test_soft_sharing_without_layers_of_equal_shape_is_weight_sharing():
    space = EXAMPLES["tied"]().space
    largest = space.largest()
    assert_close(generators.soft_sharing(space)(largest), generators.shared(space)(largest))
    assert set(generators.soft_sharing(space).assignment.values()) == {"shared"}


# --- a flat vector -------------------------------------------------------------------------------


@pytest.mark.parametrize("combine", ["weighted", "average"])
@pytest.mark.parametrize("upsample", ["linear", "repeat"])
@pytest.mark.parametrize("budget", [1300, 1500, 5000, 60_000, 10**6])
def test_shapeshifter_networks_keep_to_any_budget_and_make_every_shape(budget, upsample, combine):
    space = images()
    generator = generators.ssn(
        space, max_parameters=budget, max_candidates=4, combine=combine, upsample=upsample
    )
    assert sum(p.numel() for p in generator.parameters()) <= budget
    weights = generator(space.largest())
    assert {n: w.shape for n, w in weights.items()} == Supernet(space).shapes
    assert all(weight.isfinite().all() for weight in weights.values())


def test_a_budget_that_leaves_no_vector_is_refused_with_the_sizes():
    space = images()
    vectors = sum(s.numel() for s in Supernet(space).shapes.values() if len(s) == 1)
    with pytest.raises(
        ValueError, match=f"max_parameters={vectors} leaves nothing.* {vectors} par"
    ):
        generators.ssn(space, max_parameters=vectors)


def test_candidates_number_as_the_budget_says_and_never_overlap():
    space = images()
    bank = generators.ssn(space, max_parameters=20_000, max_candidates=3).bank.banks[0]
    size = len(bank.vector)
    shapes = Supernet(space).shapes
    for name, num in bank.num_entries.items():
        assert num == min(max(1, size // shapes[name].numel()), 3)
        entries = bank(name)
        assert entries.shape == (num, *shapes[name])
        (reads,) = torch.autograd.grad(entries.sum(), bank.vector)
        if shapes[name].numel() <= size:
            assert reads.max() == 1
            assert reads.sum() == entries.numel()


def test_every_entry_of_the_vector_is_read():
    space = images()
    for budget in (3000, 20_000, 10**6):
        bank = generators.ssn(space, max_parameters=budget).bank.banks[0]
        sum(bank(name).sum() for name in bank.num_entries).backward()
        assert (bank.vector.grad != 0).all()


def test_one_layer_within_its_budget_has_weights_of_its_own():
    """With all the parameters there are and one candidate no two layers share an entry."""
    space = images()
    bank = generators.ssn(space, max_parameters=10**6, max_candidates=1).bank.banks[0]
    assert sum(bank(name).numel() for name in bank.num_entries) == len(bank.vector)
    entries = torch.cat([bank(name).flatten() for name in bank.num_entries])
    assert_close(entries.sort().values, bank.vector.sort().values)


def test_a_short_vector_is_resized_from_a_leading_block_of_the_layers_proportions():
    space = mlp(input_shape=(10,), num_classes=2, depths=(1,), widths=(5, 10), norm="none")
    options = {"max_parameters": 62, "upsample": "block", "share": "layers.*"}
    bank = generators.ssn(space, **options).bank.banks[0]
    rows = max(n for n in range(1, 10) if n * n <= len(bank.vector))  # of 10 by 10
    block = bank.vector[: rows**2].detach().view(rows, rows)
    place = ((torch.arange(10) + 0.5) * rows / 10 - 0.5).clamp(0, rows - 1)  # of each row's centre
    weights = (1 - (place[:, None] - torch.arange(rows)).abs()).clamp_min(0)
    expected = weights @ block @ weights.T
    assert_close(bank("layers.0.0.weight")[0].detach(), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="cannot be resized from"):
        generators.ssn(images(), max_parameters=1290, upsample="block")


def test_a_short_vector_is_repeated_or_interpolated_along_the_layer():
    space = mlp(input_shape=(10,), num_classes=2, depths=(1,), widths=(5, 10), norm="none")
    for upsample in ("repeat", "linear"):
        generator = generators.ssn(space, max_parameters=62, upsample=upsample, share="layers.*")
        bank = generator.bank.banks[0]
        vector = bank.vector.detach()
        size = len(vector)
        assert size < 100
        long = bank("layers.0.0.weight").detach().flatten()
        if upsample == "repeat":
            expected = vector[torch.arange(100) % size]
        else:
            place = torch.arange(100) * (size - 1) / 99
            low = place.floor().long().clamp_max(size - 2)
            expected = vector[low] + (place - low) * (vector[low + 1] - vector[low])
        assert_close(long, expected, rtol=1e-4, atol=1e-5)


# --- atoms ---------------------------------------------------------------------------------------


def test_as_many_orthonormal_atoms_as_positions_represent_any_kernel():
    space = images()
    generator = generators.acdc(space, num_atoms=25, scope="layer")
    bank = generator.bank.banks[0]
    name = "stages.1.blocks.0.expand.weight"
    wanted = torch.randn(64, 32, 5, 5)
    atoms = torch.linalg.qr(torch.randn(25, 25)).Q
    with torch.no_grad():
        bank.atoms[name.replace(".", "/")].copy_(atoms.view(1, 1, 25, 5, 5))
        shared = torch.einsum("oik,mk->oim", wanted.flatten(2), atoms)
        bank.coefficients[bank._scope[name]].copy_(shared)
    assert_close(generator(space.largest())[name], wanted, rtol=0, atol=3e-6)


@pytest.mark.parametrize("expand", ["largest", "smallest"])
def test_the_kernel_form_agrees_with_a_convolution_by_atoms_then_one_by_one(expand):
    space = images()
    generator = generators.acdc(space)
    bank = generator.bank.banks[0]
    name = "stages.0.blocks.1.expand.weight"
    kernel = generator(space.named(expand))[name]
    out, channels, size, _ = kernel.shape
    atoms = bank.atoms[name.replace(".", "/")][0, 0]
    start = (atoms.shape[-1] - size) // 2
    atoms = atoms[:, None, start : start + size, start : start + size]  # (m, 1, k, k)
    shared = bank.coefficients[bank._scope[name]][:out, :channels]
    x = torch.randn(2, channels, 8, 8)
    responses = F.conv2d(x, atoms.repeat(channels, 1, 1, 1), padding=size // 2, groups=channels)
    combined = F.conv2d(responses, shared.reshape(out, -1)[..., None, None])
    assert_close(F.conv2d(x, kernel, padding=size // 2), combined, rtol=1e-4, atol=1e-5)


def test_two_layers_of_a_scope_share_coefficients_but_not_atoms():
    space = images()
    generator = generators.acdc(space)
    bank = generator.bank.banks[0]
    one, two, far = (f"stages.{s}.blocks.{b}.expand.weight" for s, b in ((0, 0), (0, 1), (1, 0)))
    before = {n: w.clone() for n, w in generator(space.largest()).items()}
    with torch.no_grad():
        bank.atoms[one.replace(".", "/")].add_(1)
    after = generator(space.largest())
    changed = {n for n in after if not torch.equal(before[n], after[n])}
    assert changed == {one}
    with torch.no_grad():
        bank.coefficients[bank._scope[two]].mul_(2)
    assert_close(generator(space.largest())[two], 2 * after[two])
    assert_close(generator(space.largest())[one], 2 * after[one])
    assert_close(generator(space.largest())[far], after[far])


@pytest.mark.parametrize(("scope", "group_dim"), [("net", None), ("stage", None), ("stage", 16)])
def test_atoms_and_one_set_of_coefficients_a_scope_are_all_that_is_stored(scope, group_dim):
    space = images()
    generator = generators.acdc(space, num_atoms=8, scope=scope, group_dim=group_dim)
    kernels = {
        name: shape
        for name, shape in Supernet(space).shapes.items()
        if len(shape) == 4 and shape[-1] > 1
    }
    stages = [[n for n in kernels if n.startswith(f"stages.{s}.")] for s in range(2)]
    expected = 0
    for names in [list(kernels)] if scope == "net" else stages:
        most = [min(max(kernels[n][axis] for n in names), group_dim or 999) for axis in (0, 1)]
        expected += most[0] * most[1] * 8
        for name in names:
            blocks = [math.ceil(kernels[name][axis] / most[axis]) for axis in (0, 1)]
            expected += math.prod(blocks) * 8 * math.prod(kernels[name][2:])
    assert sum(p.numel() for p in generator.bank.banks[0].parameters()) == expected


def test_groups_of_channels_read_the_same_coefficients_through_their_own_atoms():
    space = images()
    generator = generators.acdc(space, scope="net", group_dim=16, num_atoms=4)
    bank = generator.bank.banks[0]
    name = "stages.1.blocks.1.expand.weight"  # (64, 32, 5, 5): 4 x 2 blocks
    atoms = bank.atoms[name.replace(".", "/")]
    assert atoms.shape == (4, 2, 4, 5, 5)
    block = torch.einsum("oim,mxy->oixy", bank.coefficients[0], atoms[3, 1])
    assert_close(generator(space.largest())[name][48:, 16:], block)


def test_acdc_without_kernels_is_weight_sharing():
    largest = equal_layers().largest()
    plain = generators.shared(equal_layers())
    assert_close(generators.acdc(equal_layers())(largest), plain(largest))
