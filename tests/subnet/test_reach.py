"""The law of slices decides nothing of parameters that the inputs never reach."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import SearchSpace, check, generators

NUM, DIM = 4, 6


class Gated(nn.Module):
    """An expert: gates and values in one layer, which a prefix cuts across."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.both, self.out = nn.Linear(DIM, 2 * width), nn.Linear(width, DIM)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.both(x).chunk(2, -1)
        return self.out(gate.sigmoid() * value)


class Mixture(nn.Module):
    """Experts, each of which takes the examples whose first entry is its number."""

    def __init__(self, width: int, make: type = Gated) -> None:
        super().__init__()
        self.experts = nn.ModuleList(make(width) for _ in range(NUM))

    def forward(self, x: Tensor) -> Tensor:
        result = x
        for i, expert in enumerate(self.experts):
            rows = (x[:, 0] == i).nonzero().flatten()
            if len(rows):
                result = result.index_add(0, rows, expert(x[rows]))
        return result


class Stacked(nn.Module):
    """The same with all experts' weights in two parameters, which are always read."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.both = nn.Parameter(torch.randn(NUM, 2 * width, DIM))
        self.out = nn.Parameter(torch.randn(NUM, DIM, width))

    def forward(self, x: Tensor) -> Tensor:
        gate, value = torch.einsum("nd,kwd->nkw", x, self.both).chunk(2, -1)
        every = torch.einsum("nkw,kdw->nkd", gate.sigmoid() * value, self.out)
        sent = torch.stack([x[:, 0] == i for i in range(NUM)], 1)
        return x + (every * sent[..., None]).sum(1)


def sent_to(*experts: int) -> Tensor:
    """Examples for some experts; the number of one that is not there is sent to none."""
    x = torch.randn(8, DIM, generator=torch.Generator().manual_seed(0))
    x[:, 0] = torch.tensor(experts).repeat(8)[:8]
    return x


def space_of(make, inputs, layouts=None):
    return SearchSpace({"width": [4, 8]}, lambda a: make(a["width"]), layouts, inputs=inputs)


@pytest.mark.parametrize("make", [Mixture, Stacked])
def test_experts_that_no_example_is_sent_to_are_undecided_and_named(make):
    (verdict, *_) = check(space_of(make, sent_to(NUM))).verdicts
    assert verdict.state == "undecided"
    assert verdict.unreached
    assert {name.rpartition("both")[1] or "out" for name in verdict.at_risk} == {"both", "out"}
    assert f"depends on {verdict.at_risk[0]}" in verdict.because


def test_a_generator_of_experts_that_are_not_reached_is_refused_or_warned_of():
    with pytest.raises(ValueError, match=r"experts.0.both.weight.*seem to be fused"):
        generators.shared(space_of(Mixture, sent_to(NUM), "auto"))
    with pytest.warns(UserWarning, match="nothing proves that subnets take the right part of both"):
        generators.shared(space_of(Stacked, sent_to(NUM), "auto"))


@pytest.mark.parametrize("make", [Mixture, Stacked])
def test_one_expert_that_is_reached_decides_for_those_like_it(make):
    for inputs in (sent_to(2), sent_to(0, 1, 2, 3)):
        found = check(space_of(make, inputs))
        assert found.decided
        assert found.verdicts[0].state == "broken"
        generator = generators.shared(space_of(make, inputs, "auto"))
        x = sent_to(0, 1, 2, 3)
        small, large = generator("smallest"), generator("largest")
        padded = {name: torch.zeros_like(tensor) for name, tensor in large.items()}
        for name, tensor in small.items():
            if "both" in name:
                axis = tensor.dim() - 2 if tensor.dim() > 1 else 0
                halves = tensor.chunk(2, axis)
                padded[name] = torch.cat([_wider(half, axis) for half in halves], axis)
            elif "bias" in name:
                padded[name] = tensor
            else:
                padded[name] = _wider(tensor, tensor.dim() - 1)
        whole = torch.func.functional_call(make(8), padded, (x,))
        assert_close(generator.call("smallest", x), whole)
        for name, tensor in small.items():  # of the very entries that were padded
            assert_close(padded[name] * (padded[name] != 0), large[name] * (padded[name] != 0))
            assert tensor.numel() <= large[name].numel()


def _wider(tensor: Tensor, axis: int) -> Tensor:
    return torch.cat([tensor, torch.zeros_like(tensor)], axis)


class Odd(nn.Module):
    """Experts of two classes, the second of which is plain."""

    class Plain(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.up, self.down = nn.Linear(DIM, width), nn.Linear(width, DIM)

        def forward(self, x: Tensor) -> Tensor:
            return self.down(self.up(x).tanh())

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gated, self.plain = Gated(width), self.Plain(width)

    def forward(self, x: Tensor) -> Tensor:
        return x + (self.gated(x) if x[0, 0] == 0 else self.plain(x))


def test_what_is_found_for_one_part_says_nothing_of_another_that_is_not_reached():
    found = check(space_of(Odd, sent_to(0)))
    assert not found.decided
    assert "gated.both.weight" in found.verdicts[0].layouts
    assert set(found.verdicts[0].at_risk) == {
        "plain.up.weight",
        "plain.up.bias",
        "plain.down.weight",
    }
    with pytest.warns(UserWarning, match="nothing proves .* plain.up.weight"):
        generators.shared(space_of(Odd, sent_to(0), "auto"))
    assert not check(space_of(Odd, sent_to(1))).decided
    layouts = {
        "gated.both.weight": "(two rows) columns",
        "gated.both.bias": "(two rows)",
        "gated.out.weight": "...",
    }
    assert check(space_of(Odd, sent_to(1), layouts)).decided  # what is written is meant
