"""Incubation: hybrids of a meta network and a deep one, trained apart, and their assembly."""

import itertools

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from hypernas import Architecture, SearchSpace
from hypernas.data import digits
from hypernas.growth import Incubate, untrained
from hypernas.objectives import CrossEntropy, assess
from hypernas.sampling import Fixed
from hypernas.spaces import seq2seq, transformer_lm
from hypernas.training import Strategy, Task, Training

DATA = digits()
IMAGES = DATA.train.tensors[0][:64]


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.one, self.two = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.two(self.one(self.norm(x)).relu())


class Residual(nn.Module):
    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.stem = nn.Linear(64, a["width"])
        self.blocks = nn.ModuleList(Block(a["width"]) for _ in range(a["depth"]))
        self.head = nn.Linear(a["width"], 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x.flatten(1))
        for block in self.blocks:
            x = block(x)
        return self.head(x)


SPACE = SearchSpace({"width": [16, 24], "depth": [2, 5]}, Residual)
META, DEEP = {"width": 16, "depth": 2}, {"width": 16, "depth": 5}


def train(generator, *, steps: int, seed: int = 0):
    """Train in place, on digits."""
    optimizer = torch.optim.AdamW
    Training(steps=steps, batch_size=32).run(
        generator,
        Task(DATA, CrossEntropy()),
        Strategy(sampler=Fixed(), optimizer=lambda p: optimizer(p, lr=0.01), seed=seed),
        device="cpu",
    )
    return generator.eval()


def accuracy(generator) -> float:
    module = generator.export(generator.space.largest())
    return assess(module, DATA.in_order("validation"), CrossEntropy())["accuracy"]


def tensors(generator) -> dict[str, torch.Tensor]:
    return {name: t.detach().clone() for name, t in generator(generator.space.largest()).items()}


def outputs(generator) -> torch.Tensor:
    with torch.no_grad():
        return generator.eval().call(generator.space.largest(), IMAGES)


@pytest.fixture(scope="module")
def meta():
    return train(Incubate().member(SPACE, META, seed=0), steps=40)


def test_modules_of_the_meta_networks_depth_that_are_copied_make_the_meta_network_exactly():
    method = Incubate(layers="recombined", num_templates=1, coefficients="copy")
    deep = method.member(SPACE, DEEP, seed=0)
    stage = method.stage(2, [deep], SPACE, to=DEEP, seed=1)
    assembled = method.grow([deep], SPACE, to=DEEP, seed=1)
    for made in (stage, assembled):
        assert_close(outputs(made), outputs(deep), rtol=0, atol=0)


def test_new_branches_that_end_in_zeros_make_every_hybrid_start_as_the_meta_network():
    method = Incubate(layers="recombined", coefficients="zero")
    small = method.member(SPACE, META, seed=0)
    for i in (0, 1):
        hybrid = method.stage(i, [small], SPACE, to=DEEP, seed=0)
        assert hybrid.space.largest() == DEEP
        assert_close(outputs(hybrid), outputs(small), rtol=0, atol=0)
        drawn = [w for n, w in tensors(hybrid).items() if n.endswith("one.weight")]
        assert all(not torch.equal(*pair) for pair in itertools.combinations(drawn, 2))


def test_only_the_tensors_of_its_own_module_change_in_a_stage(meta):
    method = Incubate()
    hybrid = method.stage(0, [meta], SPACE, to=DEEP, seed=0)
    before, kept = tensors(hybrid), tensors(meta)
    after = tensors(train(hybrid, steps=3))
    moved = {name for name, t in after.items() if not torch.equal(t, before[name])}
    assert moved == {n for n in before if n.startswith(("stem", "blocks.0", "blocks.1"))}
    assert torch.equal(after["blocks.2.one.weight"], kept["blocks.1.one.weight"])
    assert torch.equal(after["head.weight"], kept["head.weight"])
    assert all(torch.equal(kept[name], t) for name, t in tensors(meta).items())


def test_modules_are_the_same_in_whatever_order_they_are_incubated_and_make_more_than_a_random_start(
    meta,
):
    method = Incubate()
    made = {}
    for order in ((0, 1), (1, 0)):
        stages = {}
        for i in order:
            torch.manual_seed(order[0])  # no draw of the process enters
            stages[i] = train(method.stage(i, [meta], SPACE, to=DEEP, seed=0), steps=40, seed=i)
        made[order] = method.assemble([meta], [stages[0], stages[1]], SPACE, to=DEEP, seed=order[0])
    assert_close(tensors(made[0, 1]), tensors(made[1, 0]), rtol=0, atol=0)
    assembled = accuracy(made[0, 1])
    # where nothing around a module was trained, it learns nothing that fits the others
    blank = method.member(SPACE, META, seed=0)
    apart = [
        train(method.stage(i, [blank], SPACE, to=DEEP, seed=0), steps=40, seed=i) for i in (0, 1)
    ]
    untrained_around = accuracy(method.assemble([blank], apart, SPACE, to=DEEP, seed=0))
    unincubated = accuracy(method.grow([meta], SPACE, to=DEEP, seed=0))
    assert assembled > max(untrained_around, unincubated) + 0.05


def test_a_weight_that_is_used_at_both_ends_stays_until_the_target_is_trained():
    space = transformer_lm(
        input_shape=(4,), num_classes=5, depths=[2, 3], embed_dims=[8], heads=[2], head_dim=4, ratios=[1]
    )  # fmt: skip

    def of_depth(depth: int) -> dict[str, int]:
        layers = {
            f"{name}_{i}": n for i in range(depth) for name, n in (("heads", 2), ("ratio", 1))
        }
        return {"depth": depth, "embed_dim": 8} | layers

    method = Incubate()
    small = method.member(space, of_depth(2), seed=0)
    free = []
    for i in (0, 1):
        hybrid = method.stage(i, [small], space, to=of_depth(3), seed=0)
        named = hybrid.bank
        free.append({n for n in hybrid.assignment if named(n).requires_grad})
    assert {n.split(".")[0] for n in free[0]} == {"positions", "blocks"}
    assert {n.split(".")[0] for n in free[1]} == {"norm", "blocks"}


def test_a_meta_network_of_another_width_and_a_space_of_two_lists_are_refused():
    method = Incubate()
    with pytest.raises(
        ValueError, match=r"head.weight: \(10, 24\) in the meta network, \(10, 16\)"
    ):
        method.num_stages(SPACE, META | {"width": 24}, to=DEEP)
    with pytest.raises(ValueError, match=r"5 entries in 'blocks' and the target 2"):
        method.num_stages(SPACE, DEEP, to=META)
    translator = seq2seq(input_shape=(4,), num_classes=8)
    with pytest.raises(ValueError, match=r"\['encoder', 'decoder'\] outside of others"):
        method.num_stages(translator, "smallest", to="largest")
    with pytest.raises(ValueError, match="chain: expected the path"):
        Incubate(chain="block").num_stages(SPACE, META, to=DEEP)
    with pytest.raises(ValueError, match="layers must be"):
        Incubate(layers="copy")
    with pytest.raises(ValueError, match="needs one member"):
        untrained(SPACE, growth=method, members=[], phase=0)
    ordinary = [method.member(SPACE, META, seed=0)]
    with pytest.raises(ValueError, match="over templates"):
        Incubate(layers="recombined").stage(0, ordinary, SPACE, to=DEEP, seed=0)
