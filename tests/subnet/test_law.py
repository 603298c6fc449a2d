"""The law of slices holds, is broken with a layout that cures it, or is undecided; no name can fool it."""

import math
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from hypernas import Choice, SearchSpace, check, generators
from hypernas.slicing import slice_of
from hypernas.subnet.law import Probe, examine, few, judge

# Attributes have names that say nothing: no name is to help.


class Attention(nn.Module):
    """Self-attention of `a` heads over `w` channels, with one fused projection or three of them."""

    def __init__(self, w: int, a: int, dim: int, order: str) -> None:
        super().__init__()
        self.a, self.dim, self.order = a, dim, order
        self.u = nn.Linear(w, 3 * a * dim)
        self.v = nn.Linear(a * dim, w)

    def forward(self, x: Tensor) -> Tensor:
        n, t = x.shape[:2]
        match self.order:
            case "three heads dim":
                q, k, v = self.u(x).view(n, t, 3, self.a, self.dim).permute(2, 0, 3, 1, 4)
            case "heads three dim":
                q, k, v = self.u(x).view(n, t, self.a, 3, self.dim).permute(3, 0, 2, 1, 4)
            case "heads dim three":
                q, k, v = self.u(x).view(n, t, self.a, self.dim, 3).permute(4, 0, 2, 1, 3)
        scores = (q @ k.transpose(-1, -2) / math.sqrt(self.dim)).softmax(-1)
        return x + self.v((scores @ v).transpose(1, 2).reshape(n, t, -1))


class Gated(nn.Module):
    """A layer whose outputs are halves, or alternate, of value and gate."""

    def __init__(self, w: int, f: int, *, alternating: bool) -> None:
        super().__init__()
        self.alternating = alternating
        self.p, self.q = nn.Linear(w, 2 * f), nn.Linear(f, w)

    def forward(self, x: Tensor) -> Tensor:
        both = self.p(x)
        one, two = (both[..., ::2], both[..., 1::2]) if self.alternating else both.chunk(2, -1)
        return x + self.q(one * two.sigmoid())


class Grouped(nn.Module):
    """Attention in which several heads of queries share one of keys and values."""

    def __init__(self, w: int, a: int, b: int, dim: int) -> None:
        super().__init__()
        self.a, self.b, self.dim = a, b, dim
        self.k, self.m, self.q = (nn.Linear(w, n * dim, bias=False) for n in (b, b, a))
        self.z = nn.Linear(a * dim, w)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            layer(x).unflatten(-1, (-1, self.dim)).transpose(1, 2)
            for layer in (self.q, self.k, self.m)
        )
        k, v = (t.repeat_interleave(self.a // self.b, 1) for t in (k, v))
        return x + self.z(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Experts(nn.Module):
    """Experts in one 3-D parameter, of gates and values one behind the other, and their router."""

    def __init__(self, w: int, e: int, f: int) -> None:
        super().__init__()
        self.r = nn.Linear(w, e, bias=False)
        self.s = nn.Parameter(torch.randn(e, 2 * f, w))
        self.t = nn.Parameter(torch.randn(e, w, f))

    def forward(self, x: Tensor) -> Tensor:
        gates = self.r(x).softmax(-1)
        gate, value = torch.einsum("ehw,ntw->nteh", self.s, x).chunk(2, -1)
        each = torch.einsum("ewh,nteh->ntew", self.t, gate.relu() * value)
        return x + (gates[..., None] * each).sum(2)


class Around(nn.Module):
    """Blocks between an embedding of 5 numbers and a head."""

    def __init__(self, w: int, *blocks: nn.Module) -> None:
        super().__init__()
        self.i, self.c, self.o = nn.Linear(5, w), nn.ModuleList(blocks), nn.Linear(w, 3)
        self.n = nn.LayerNorm(w)

    def forward(self, x: Tensor) -> Tensor:
        x = self.i(x)
        for block in self.c:
            x = block(x)
        return self.o(self.n(x))


X = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))


def space_of(choices, block, layouts=None):
    def build(a):
        w = a.get("w", 8)
        return Around(w, *(block(w, a) for _ in range(a.get("d", 2))))

    return SearchSpace({"d": [1, 2], **choices}, build, layouts=layouts, inputs=X)


CASES = {
    "three heads dim": (
        space_of({"a": [2, 4]}, lambda w, a: Attention(w, a["a"], 4, "three heads dim")),
        {"c.*.u.weight", "c.*.u.bias"},
    ),
    "heads three dim, of other widths": (
        space_of(
            {"w": [8, 16], "h": [2, 4]},
            lambda w, a: Attention(w, 4, a["h"], "heads three dim"),
        ),
        {"c.*.u.weight", "c.*.u.bias", "c.*.v.weight"},
    ),
    "heads dim three": (
        space_of({"h": [2, 4]}, lambda w, a: Attention(w, 2, a["h"], "heads dim three")),
        {"c.*.v.weight"},
    ),
    "fewer heads of keys": (
        space_of({"a": [4, 8]}, lambda w, a: Grouped(w, a["a"], 2, 4)),
        {"c.*.q.weight", "c.*.z.weight"},
    ),
    "halves": (
        space_of({"f": [4, 8]}, lambda w, a: Gated(w, a["f"], alternating=False)),
        {"c.*.p.weight", "c.*.p.bias"},
    ),
    "3-D experts": (
        space_of({"e": [2, 4], "f": [3, 6]}, lambda w, a: Experts(w, a["e"], a["f"])),
        {"c.*.s"},
    ),
}


@pytest.mark.parametrize(("space", "patterns"), CASES.values(), ids=CASES)
def test_a_layout_is_found_for_what_a_prefix_cuts_across_and_proves_right(space, patterns):
    found = check(space)
    assert {v.state for v in found.verdicts} == {"holds"} | {"broken"}
    assert patterns <= set(found.layouts)
    cured = SearchSpace(space.choices, space.build, layouts=found.layouts, inputs=X)
    assert all(verdict.state == "holds" for verdict in check(cured).verdicts)


@pytest.mark.parametrize(("space", "_"), CASES.values(), ids=CASES)
def test_a_generator_refuses_such_a_space_with_the_layouts_that_auto_takes(space, _):
    with pytest.raises(ValueError, match=r"under other layouts they do\. Write\n  layouts="):
        generators.shared(SearchSpace(space.choices, space.build, inputs=X))
    auto = SearchSpace(space.choices, space.build, layouts="auto", inputs=X)
    generator = generators.shared(auto)
    assert auto.layouts
    small = generator(space.smallest())
    assert {n: w.shape for n, w in small.items()} == {
        n: p.shape for n, p in space.build(space.smallest()).named_parameters()
    }


def test_heads_of_a_fused_projection_are_those_that_a_hand_would_cut():
    space = space_of({"a": [2, 4]}, lambda w, a: Attention(w, a["a"], 4, "heads three dim"))
    space = SearchSpace(space.choices, space.build, layouts="auto", inputs=X)
    generator = generators.shared(space)
    large, small = generator({"d": 1, "a": 4}), generator({"d": 1, "a": 2})
    by_hand = large["c.0.u.weight"].view(4, 3, 4, 8)[:2].reshape(-1, 8)
    assert_close(small["c.0.u.weight"], by_hand, rtol=0, atol=0)


def test_alternating_values_and_gates_need_no_layout():
    space = space_of({"f": [4, 8]}, lambda w, a: Gated(w, a["f"], alternating=True))
    assert all(verdict.state == "holds" for verdict in check(space).verdicts)


@pytest.mark.parametrize("norm", [nn.LayerNorm, nn.RMSNorm, lambda w: nn.GroupNorm(2, w)])
def test_norms_over_changing_widths_count_present_channels_only(norm):
    class Normed(nn.Module):
        def __init__(self, w: int) -> None:
            super().__init__()
            self.one, self.two, self.norm = nn.Linear(5, w), nn.Linear(w, 3), norm(w)

        def forward(self, x: Tensor) -> Tensor:
            return self.two(self.norm(self.one(x)).relu())

    x = X[:, 0]
    space = SearchSpace({"w": [4, 6, 12]}, lambda a: Normed(a["w"]), inputs=x)
    assert all(verdict.state == "holds" for verdict in check(space).verdicts)


def test_columns_of_two_branches_are_found_as_a_sum():
    class Branches(nn.Module):
        def __init__(self, p: int, q: int) -> None:
            super().__init__()
            self.one, self.two = nn.Conv1d(3, p, 3, padding=1), nn.Conv1d(3, q, 1)
            self.three = nn.Conv1d(p + q, 4, 5, padding=2)

        def forward(self, x: Tensor) -> Tensor:
            return self.three(torch.cat([self.one(x).relu(), self.two(x)], 1))

    choices = {"p": [2, 4], "q": [3, 5, 6]}
    auto = SearchSpace(choices, lambda a: Branches(a["p"], a["q"]), layouts="auto")
    generator = generators.shared(auto)
    assert auto.layouts == {"three.weight": "rows (p + q) kernel"}
    large, small = (generator({"p": p, "q": q})["three.weight"] for p, q in ((4, 6), (2, 5)))
    assert_close(small, torch.cat([large[:, :2], large[:, 4:9]], 1), rtol=0, atol=0)


def test_a_reader_of_both_directions_of_an_lstm_keeps_the_columns_of_each():
    class Both(nn.Module):
        def __init__(self, h: int) -> None:
            super().__init__()
            self.r = nn.LSTM(5, h, bidirectional=True, batch_first=True)
            self.o = nn.Linear(2 * h, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.o(self.r(x)[0])

    space = SearchSpace({"h": [3, 4]}, lambda a: Both(a["h"]), layouts="auto", inputs=X)
    generator = generators.shared(space)
    large, small = generator({"h": 4})["o.weight"], generator({"h": 3})["o.weight"]
    assert_close(small, torch.cat([large[:, :3], large[:, 4:7]], 1), rtol=0, atol=0)


def test_a_written_layout_is_tested_and_never_changed():
    cured = space_of(
        {"f": [4, 8]}, lambda w, a: Gated(w, a["f"], alternating=False), {"c.*.p.*": "(two f) in"}
    )
    cured.layouts = {"c.*.p.weight": "(two f) in", "c.*.p.bias": "(two f)"}
    assert all(verdict.state == "holds" for verdict in check(cured).verdicts)
    wanted = space_of({"f": [4, 8]}, lambda w, a: Gated(w, a["f"], alternating=False))
    wanted.layouts = {"c.*.p.weight": "rows columns", "c.*.p.bias": "rows"}
    found = examine(wanted, few(wanted))
    assert found.verdicts[0].state == "undecided"
    assert not found.layouts
    generators.shared(wanted)  # a prefix is meant, the user says


def test_layouts_that_are_written_after_a_refusal_are_taken():
    space = space_of({"f": [4, 8]}, lambda w, a: Gated(w, a["f"], alternating=False))
    with pytest.raises(ValueError, match="under other layouts they do"):
        generators.shared(space)
    space.layouts |= {"c.*.p.weight": "(two f) in", "c.*.p.bias": "(two f)"}
    assert generators.shared(space)({"d": 1, "f": 4})["c.0.p.weight"].shape == (8, 8)


def test_the_name_of_a_class_does_not_tell_which_axis_it_puts_out():
    class Linear(nn.Module):  # stores its matrix the other way round
        def __init__(self, n: int, m: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(n, m))

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.weight

    class Halves(nn.Module):
        def __init__(self, f: int) -> None:
            super().__init__()
            self.p, self.q = Linear(5, 2 * f), Linear(f, 3)

        def forward(self, x: Tensor) -> Tensor:
            one, two = self.p(x).chunk(2, -1)
            return self.q(one * two.sigmoid())

    space = SearchSpace({"f": [4, 8]}, lambda a: Halves(a["f"]), layouts="auto", inputs=X)
    generators.shared(space)
    assert space.layouts == {"p.weight": "rows (two columns)"}


def test_what_no_slice_can_give_is_undecided_and_says_where():
    space = space_of({"b": [1, 2]}, lambda w, a: Grouped(w, 4, a["b"], 4))
    (verdict,) = examine(space, [Probe("b", space.smallest())]).verdicts
    assert verdict.state == "undecided"
    assert "c.0.z reads" in verdict.because


def test_columns_over_a_grid_that_shrinks_are_refused_in_doubt():
    class Flat(nn.Module):
        def __init__(self, c: int, grid: int) -> None:
            super().__init__()
            self.one, self.grid = nn.Conv2d(1, c, 3), grid
            self.two = nn.Linear(c * grid, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.two(F.adaptive_avg_pool2d(self.one(x), (1, self.grid)).flatten(1))

    space = SearchSpace({"c": [4, 8], "grid": [3, 6]}, lambda a: Flat(a["c"], a["grid"]))
    with pytest.raises(ValueError, match=r'two.weight.*\n.*"rows \(c grid\)"'):
        generators.shared(space)


def test_without_inputs_that_suit_a_verdict_is_undecided_and_asks_for_them():
    class Odd(nn.Module):
        def __init__(self, w: int) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(3, w), nn.Linear(w, 2)

        def forward(self, points: Tensor, *, scale: Tensor) -> Tensor:
            return self.two(self.one(points) * scale)

    space = SearchSpace({"w": [4, 8]}, lambda a: Odd(a["w"]))
    assert "give inputs=" in check(space).verdicts[0].because
    inputs = {"points": torch.randn(2, 3), "scale": torch.ones(())}
    assert all(verdict.state == "holds" for verdict in check(space, inputs=inputs).verdicts)


def test_a_layer_that_reads_only_the_shape_of_what_differs_is_no_fault():
    class Positions(nn.Embedding):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(torch.arange(x.shape[1]))

    class Placed(nn.Module):
        def __init__(self, w: int) -> None:
            super().__init__()
            self.one, self.two, self.at = nn.Linear(5, w), nn.Linear(w, 3), Positions(9, w)

        def forward(self, x: Tensor) -> Tensor:
            x = self.one(x)
            return self.two(x + self.at(x[:, :, -1]))

    space = SearchSpace({"w": [4, 8]}, lambda a: Placed(a["w"]), inputs=X)
    assert all(verdict.state == "holds" for verdict in check(space).verdicts)


def test_making_a_generator_draws_no_random_number_and_passes_on_no_warning():
    class Noisy(nn.Module):
        def __init__(self, w: int) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(5, w), nn.Linear(w, 3)

        def forward(self, x: Tensor) -> Tensor:
            warnings.warn("this is no good", stacklevel=1)
            return self.two(self.one(x)) + torch.randn(())

    space = SearchSpace({"w": [4, 8]}, lambda a: Noisy(a["w"]), inputs=X)
    before = torch.get_rng_state()
    generators.shared(space)
    assert torch.equal(torch.get_rng_state(), before)
    assert check(space).verdicts[0].state == "holds"


def test_absent_blocks_of_a_stream_that_is_normed_afterwards_pass_on_what_they_read():
    class After(nn.Module):
        def __init__(self, w: int) -> None:
            super().__init__()
            self.f, self.g = nn.Linear(w, w), nn.LayerNorm(w)

        def forward(self, x: Tensor) -> Tensor:
            return self.g(x + self.f(x).relu())

    space = space_of({"w": [4, 8]}, lambda w, a: After(w))
    assert all(verdict.state == "holds" for verdict in check(space).verdicts)


def test_categorical_values_are_compared_with_the_largest_of_their_kind():
    def build(a):
        return nn.Sequential(
            nn.Linear(5, a["w"]), {"relu": nn.ReLU, "tanh": nn.Tanh}[a["f"]](), nn.Linear(a["w"], 2)
        )

    space = SearchSpace({"w": [4, 8], "f": Choice(["relu", "tanh"])}, build)
    states = [v.state for v in check(space).verdicts]
    assert states == ["holds"] * len(states)


def test_random_layouts_of_a_fused_axis_are_found_again():
    """The axis is made of parts of two sizes in a random order; whatever the order, it is found."""
    for seed in range(6):
        rng = torch.Generator().manual_seed(seed)
        order = torch.randperm(3, generator=rng).tolist()

        class Parts(nn.Module):
            def __init__(self, p: int, q: int, order=tuple(order)) -> None:
                super().__init__()
                self.p, self.q, self.order = p, q, order
                self.sizes = [(p, q, q)[i] for i in order]
                self.u, self.v = nn.Linear(5, p + 2 * q), nn.Linear(p, 3)
                self.w = nn.Linear(q, 3)

            def forward(self, x: Tensor) -> Tensor:
                parts = self.u(x).split(self.sizes, -1)
                one, two, three = (parts[self.order.index(i)] for i in range(3))
                return self.v(one.relu()) + self.w(two * three)

        space = SearchSpace(
            {"p": [3, 6], "q": [2, 4]}, lambda a, kind=Parts: kind(a["p"], a["q"]), inputs=X
        )
        verdict = judge(space, Probe("p, q", space.smallest()), layouts={}, inputs=X)
        assert verdict.state == "broken", verdict
        large, small = space.build(space.largest()), space.build(space.smallest())
        where = slice_of(
            large,
            small,
            "u.weight",
            verdict.layouts["u.weight"],
            architectures=(space.largest(), space.smallest()),
        )
        blocks = torch.arange(14).split([(6, 4, 4)[i] for i in order])
        taken = torch.cat([b[: (3, 2, 2)[i]] for i, b in zip(order, blocks, strict=True)])
        assert where.axes[0].indices == tuple(taken.tolist())
