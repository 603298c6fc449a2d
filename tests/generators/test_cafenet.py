"""CafeNet: the channels near the boundary of a width are chosen by the loss."""

import itertools
import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import SearchSpace
from hypernas.generators import Mixture, by_name, cafenet, choose_channels, shared
from hypernas.generators.selection.free_channels import FreeChannels, Zone
from hypernas.spaces import conv1d, mlp

BLOCK = {"*.expand.weight": 0, "*.expand_norm.*": 0, "*.project.weight": 1}


class Net(nn.Module):
    """Two blocks of one width, of the same sizes inside."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(hidden) for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x)


class Block(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(5, hidden, bias=False)
        self.expand_norm = nn.BatchNorm1d(hidden)
        self.project = nn.Linear(hidden, 5)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(self.expand_norm(self.expand(x)).relu())


def net_space(hidden=(2, 4, 8)) -> SearchSpace:
    return SearchSpace({"hidden": list(hidden)}, lambda a: Net(a["hidden"]))


def inputs(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def square(outputs: Tensor) -> Tensor:
    return outputs.square().mean()


def freed(generator: Mixture, seed: int = 1) -> Mixture:
    """With random channels in every zone of every width."""
    for architecture in generator.space.enumerate():
        losses = itertools.count(0, -1)  # the last candidate wins, which is a random one
        subnet = generator.subnet(architecture)
        generator.slicer.choose(subnet, partial(next, losses), rng(seed))
    return generator


def channels(generator: Mixture, architecture: dict, name: str, axis: int) -> list[int]:
    """Which of the largest's channels an axis of a subnet has."""
    where = generator.slices(architecture)[name]
    size = math.prod(where.axes[axis].large)
    return where.along(axis, torch.arange(size)).tolist()


@pytest.mark.parametrize("space", [conv1d(input_shape=(1, 16), num_classes=3), net_space()])
def test_radius_zero_is_the_prefix_bit_for_bit(space):
    ours, plain = cafenet(space, radius=0, seed=3), shared(space, seed=3)
    for generator in (ours, plain):
        generator.train().call(
            space.smallest(), inputs(4, *((1, 16) if "depth_0" in space.choices else (5,)))
        )
    draws = [space.smallest(), space.largest(), *(space.sample(rng(i)) for i in range(4))]
    for architecture in draws:
        assert_close(ours(architecture), plain(architecture), rtol=0, atol=0)
        assert_close(
            ours.statistics(architecture).tensors,
            plain.statistics(architecture).tensors,
            rtol=0,
            atol=0,
        )


def test_before_anything_is_chosen_every_subnet_is_the_prefix():
    space = net_space()
    ours, plain = cafenet(space, radius=2, seed=3), shared(space, seed=3)
    for architecture in space.enumerate():
        assert_close(ours(architecture), plain(architecture), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("radius", "width", "zone", "num"),
    [
        (1, 4, (3, 2), 2),
        (2, 4, (2, 4), 6),
        (3, 4, (1, 6), 20),
        (3, 2, (0, 5), 10),
        (3, 7, (4, 4), 4),
    ],
)
def test_a_width_has_every_pattern_of_its_zone(radius, width, zone, num):
    generator = cafenet(net_space((2, 4, 7, 8)), radius=radius, num_candidates=0)
    subnet = generator.subnet({"hidden": width})
    found = generator.slicer.zones(subnet)["blocks.0.project.weight", 1]
    assert (found.start, found.size) == zone
    base = list(range(found.start))
    patterns = {
        tuple(
            base
            + [
                found.start + k
                for k in generator.slicer._drawn(found, rng(i))[: found.num].tolist()
            ]
        )
        for i in range(400)
    }
    assert len(patterns) == math.comb(found.size, found.num) == num
    assert all(len(p) == width and list(p) == sorted(set(p)) for p in patterns)


def test_the_channels_of_a_subnet_are_its_base_and_what_is_chosen_of_its_zone():
    generator = freed(cafenet(net_space(), radius=2, num_candidates=1))
    for hidden, base in ((2, 0), (4, 2)):
        chosen = channels(generator, {"hidden": hidden}, "blocks.0.project.weight", 1)
        assert len(chosen) == hidden
        assert chosen == sorted(set(chosen))
        assert chosen[:base] == list(range(base))
        assert max(chosen) < hidden + 2
    assert generator.slices({"hidden": 8})["blocks.0.project.weight"].whole


def test_a_subnet_is_the_largest_with_all_but_its_channels_silent():
    generator = freed(cafenet(net_space(), radius=2, num_candidates=1, channels=[BLOCK])).eval()
    largest = generator.export({"hidden": 8})
    kept = [channels(generator, {"hidden": 4}, f"blocks.{i}.project.weight", 1) for i in range(2)]
    assert [0, 1, 2, 3] not in kept
    for block, own in zip(largest.blocks, kept, strict=True):
        silent = torch.ones(8, dtype=torch.bool)
        silent[own] = False
        block.project.weight.data[:, silent] = 0
    found = generator.call({"hidden": 4}, inputs(6, 5))
    assert_close(found, largest(inputs(6, 5)))


def test_axes_of_one_size_choose_together_and_given_groups_for_themselves():
    together = freed(cafenet(net_space(), radius=3, num_candidates=1))
    apart = freed(cafenet(net_space(), radius=3, num_candidates=1, channels=[BLOCK]))
    for generator, equal in ((together, True), (apart, False)):
        first, second = (
            channels(generator, {"hidden": 4}, f"blocks.{i}.expand.weight", 0) for i in range(2)
        )
        assert (first == second) == equal
        assert first == channels(generator, {"hidden": 4}, "blocks.0.project.weight", 1)
        statistics = generator.slicer.locate(generator.subnet({"hidden": 4})).statistics
        assert statistics["blocks.0.expand_norm.running_var"](torch.arange(8)).tolist() == first


def test_settling_takes_the_least_loss_of_all_it_tries_and_tries_the_prefix_and_the_last_winner():
    generator = freed(cafenet(net_space(), radius=3, num_candidates=3, channels=[BLOCK]))
    slicer, subnet = generator.slicer, generator.subnet({"hidden": 4})
    rows = [zone.row for zone in dict.fromkeys(slicer.zones(subnet).values())]
    before, tried = slicer.chosen[rows].clone(), []

    def measure() -> float:
        tried.append(slicer.chosen[rows].clone())
        return [0.5, 0.7, 0.3, 0.4, 0.6][len(tried) - 1]

    slicer.choose(subnet, measure, rng(5))
    assert_close(tried[0], before)
    assert_close(tried[1], torch.tensor([[0, 1, 2], [0, 1, 2]], dtype=torch.int32))
    assert len(tried) == 5
    assert_close(slicer.chosen[rows], tried[2])


def test_the_loss_after_settling_is_no_more_than_before_nor_than_that_of_the_prefix():
    generator = cafenet(net_space(), radius=2, num_candidates=2, channels=[BLOCK]).eval()
    architecture = {"hidden": 4}
    losses = []
    for seed in range(12):
        losses.append(square(generator.call(architecture, inputs(6, 5))).item())
        choose_channels(generator, architecture, inputs(6, 5), loss=square, rng=rng(seed))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_settling_touches_neither_gradients_nor_statistics_nor_other_widths():
    generator = cafenet(net_space(), radius=2, num_candidates=3).train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    falling = (torch.tensor(-float(i)) for i in itertools.count())
    choose_channels(generator, {"hidden": 4}, inputs(6, 5), loss=lambda _: next(falling), rng=rng())
    after = generator.state_dict()
    assert not torch.equal(after.pop("slicer.chosen"), before.pop("slicer.chosen"))
    assert_close(after, before, rtol=0, atol=0)
    assert all(p.grad is None for p in generator.parameters())
    assert channels(generator, {"hidden": 2}, "blocks.0.project.weight", 1) == [0, 1]


def test_where_nothing_is_free_nothing_is_measured():
    def measure(_: Tensor) -> Tensor:
        raise AssertionError("measured")

    space = net_space()
    for generator, hidden in (
        (cafenet(space), 8),
        (cafenet(space, radius=0), 4),
        (shared(space), 4),
    ):
        choose_channels(generator, {"hidden": hidden}, inputs(6, 5), loss=measure, rng=rng())


def test_a_part_of_a_composed_generator_chooses_by_the_loss_of_the_whole():
    def part(space: SearchSpace) -> Mixture:
        return cafenet(space, radius=2, num_candidates=3, channels=[BLOCK])

    generator = by_name(net_space(), {"*expand*": shared, "*.project.*": shared}).train()
    choose_channels(generator, {"hidden": 4}, inputs(6, 5), loss=square, rng=rng())  # nothing to do
    generator = by_name(net_space(), {"blocks.0.*": shared}, rest=part).train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    falling = (torch.tensor(-float(i)) for i in itertools.count())
    choose_channels(generator, {"hidden": 4}, inputs(6, 5), loss=lambda _: next(falling), rng=rng())
    moved = {
        n for n, tensor in generator.state_dict().items() if not torch.equal(tensor, before[n])
    }
    assert moved == {"parts.1.slicer.chosen"}
    generator.call({"hidden": 4}, inputs(6, 5))
    means = generator.statistics({"hidden": 8}).tensors["blocks.1.expand_norm.running_mean"]
    assert (means != 0).sum() == 4
    assert (means[:4] != 0).sum() < 4


def test_training_moves_the_statistics_of_the_chosen_channels():
    generator = freed(cafenet(net_space(), radius=2, num_candidates=1, channels=[BLOCK])).train()
    alone = generator.export({"hidden": 4}).train()
    generator.call({"hidden": 4}, inputs(6, 5))
    alone(inputs(6, 5))
    chosen = channels(generator, {"hidden": 4}, "blocks.0.project.weight", 1)
    found = generator.statistics({"hidden": 8}).tensors["blocks.0.expand_norm.running_mean"]
    assert_close(found[chosen], alone.blocks[0].expand_norm.running_mean)
    others = [i for i in range(8) if i not in chosen]
    assert_close(found[others], torch.zeros(4), rtol=0, atol=0)


def test_gradients_reach_the_chosen_channels_only():
    generator = freed(cafenet(net_space(), radius=2, num_candidates=1))
    chosen = channels(generator, {"hidden": 4}, "blocks.0.expand.weight", 0)
    generator({"hidden": 4})["blocks.0.expand.weight"].sum().backward()
    gradient = generator.bank("blocks.0.expand.weight").grad[0]
    expected = torch.zeros(8, 5)
    expected[chosen] = 1
    assert_close(gradient, expected)


def test_sizes_of_axes_made_of_factors_do_not_choose_by_themselves():
    def build(architecture):
        heads, model = architecture["heads"], architecture["model"]
        return nn.ModuleDict(
            {
                "qkv": nn.Linear(model, 3 * heads * 2),
                "project": nn.Linear(heads * 2, model),
                "wide": nn.Linear(model, 2 * model),
                "narrow": nn.Linear(2 * model, model),
            }
        )

    layouts = {"qkv.weight": "(three heads dim) model", "qkv.bias": "(three heads dim)"}
    space = SearchSpace({"heads": [2, 4], "model": [4, 8]}, build, layouts=layouts)
    free = {
        name for name, _ in cafenet(space).slicer.zones(cafenet(space).subnet(space.smallest()))
    }
    assert free == {
        "wide.weight",
        "wide.bias",
        "narrow.weight",
    }  # not 8, which heads times dim is too


@pytest.mark.parametrize(
    ("tied", "message"),
    [
        ({"*.stem.weight": 0}, r"\*\.stem\.weight: matches none of"),
        ({"*.expand.weight": 0, "*.project.weight": 0}, "the channels differ in number"),
        ({"*.expand.weight": 2}, "blocks.0.expand.weight: has no axis 2"),
    ],
)
def test_channels_that_cannot_be_tied_are_refused(tied, message):
    with pytest.raises(ValueError, match=message):
        cafenet(net_space(), channels=[tied])


def test_an_axis_in_two_groups_and_one_made_of_factors_are_refused():
    with pytest.raises(ValueError, match="axis 0 is in the groups of"):
        cafenet(net_space(), channels=[BLOCK, {"blocks.0.expand.weight": 0}])
    layouts = {"weight": "(2 n) in", "bias": "(2 n)"}
    space = SearchSpace({"n": [2, 4]}, lambda a: nn.Linear(3, 2 * a["n"]), layouts)
    with pytest.raises(ValueError, match="weight: axis 0 is made of factors"):
        cafenet(space, channels=[{"weight": 0}])


def test_a_mapping_with_a_full_name_is_one_group():
    tied = {"blocks.0.expand.weight": 0, "*.expand.weight": 0}
    generator = cafenet(net_space(), channels=[tied])
    subnet = generator.subnet({"hidden": 4})
    assert len(set(generator.slicer.zones(subnet).values())) == 1


def test_negative_numbers_are_refused():
    with pytest.raises(ValueError, match="must be 0 or more, got -1, 2"):
        cafenet(mlp(input_shape=(4,), num_classes=2), radius=-1)


def test_a_zone_at_the_end_of_the_channels_is_cut_off():
    slicer = cafenet(net_space((2, 7, 8)), radius=3).slicer
    assert isinstance(slicer, FreeChannels)
    zone = Zone(row=0, start=4, size=4, num=3)
    assert slicer._drawn(zone, rng())[:3].max() < 4
