"""Laws of the order of importance: the largest network stays, smaller subnets keep the important channels."""

from itertools import pairwise

import pytest
import torch
from ready_made import READY
from test_start import trained
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import SearchSpace, generators
from hypernas.data import digits
from hypernas.generators.start.factors import Factor, shrinking
from hypernas.generators.start.importance import importance
from hypernas.generators.start.probe import Probe, permuted
from hypernas.generators.start.symmetry import groups


def grouped(space, module, inputs):
    """The groups of a network, each as (tensor, axis) pairs, and what is left."""
    found, left = groups(Probe(module.eval(), inputs), shrinking(space, module))
    return [{(f.name, f.axis) for f in group} for group in found], {f.name for f in left}


def outputs(space, state, inputs):
    module = space.build(space.largest()).double().eval()
    module.load_state_dict(state)
    return module(*(x.double() if x.is_floating_point() else x for x in inputs))


@pytest.mark.parametrize("name", ["mlp", "conv2d", "resnet", "transformer_lm", "vit"])
def test_the_full_network_computes_the_same_in_another_order(name):
    space, inputs = READY[name]()
    module = trained(space)
    ordered = generators.ordered(space, module, inputs=tuple(x[:1] for x in inputs))
    assert len(ordered.groups) > 2
    assert any(not order.equal(order.sort().values) for order in ordered.orders)
    expected = outputs(space, module.state_dict(), inputs)
    assert_close(outputs(space, ordered.state, inputs), expected, rtol=0, atol=1e-9)


def test_channels_fall_in_importance():
    space, inputs = READY["mlp"]()
    ordered = generators.ordered(space, trained(space), inputs=inputs, by="l2")
    module = space.build(space.largest()).eval()
    module.load_state_dict(ordered.state)
    for score in importance(module, ordered.groups, "l2"):
        assert (score.diff() <= 1e-9).all()


def test_every_layer_of_a_chain_is_a_group_of_its_own():
    def build(a):
        widths = [5, a["p"], a["p"], a["q"]]
        layers = [nn.Sequential(nn.Linear(m, n), nn.Tanh()) for m, n in pairwise(widths)]
        return nn.Sequential(*layers, nn.Linear(a["q"], 2))

    space = SearchSpace({"p": [2, 4, 6], "q": [2, 6]}, build)
    found, left = grouped(space, build(space.largest()), torch.randn(2, 5))
    assert not left
    assert sorted(map(sorted, found)) == [
        [("0.0.bias", 0), ("0.0.weight", 0), ("1.0.weight", 1)],
        [("1.0.bias", 0), ("1.0.weight", 0), ("2.0.weight", 1)],
        [("2.0.bias", 0), ("2.0.weight", 0), ("3.weight", 1)],
    ]


class Mixed(nn.Module):
    """A residual stream, and inside it branches of the very same width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a = nn.Linear(3, width)
        self.b = nn.ModuleList(
            nn.ModuleList([nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)])
            for _ in range(2)
        )
        self.c = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        for norm, into, out in self.b:
            x = x + out(into(norm(x)).relu())
        return self.c(x)


def test_branches_of_a_stream_are_found_inside_it():
    space = SearchSpace({"width": [2, 4, 8]}, lambda a: Mixed(a["width"]))
    found, left = grouped(space, Mixed(8), torch.randn(2, 3))
    assert not left
    inner = [{(f"b.{i}.1.weight", 0), (f"b.{i}.1.bias", 0), (f"b.{i}.2.weight", 1)} for i in (0, 1)]
    stream = next(group for group in found if ("c.weight", 1) in group)
    assert all(group in found for group in inner)
    assert len(found) == 3
    assert {("a.weight", 0), ("b.1.0.weight", 0), ("b.0.1.weight", 1), ("b.1.2.bias", 0)} < stream


class Heads(nn.Module):
    """Attention whose heads, or whose heads' dimensions, change; without a word that says so."""

    def __init__(self, n: int, d: int, *, turned: bool = False) -> None:
        super().__init__()
        self.n, self.d, self.turned = n, d, turned
        self.i, self.j, self.k = (nn.Linear(6, n * d) for _ in range(3))
        self.o = nn.Linear(n * d, 6)

    def forward(self, x: Tensor) -> Tensor:
        i, j, k = (
            layer(x).unflatten(-1, (self.n, self.d)).transpose(1, 2)
            for layer in (self.i, self.j, self.k)
        )
        if self.turned:  # as rotary positions do: dimensions are not alike
            angles = torch.arange(x.shape[1]).to(x)[:, None] * torch.arange(self.d).to(x)
            i, j = i * angles.cos(), j * angles.cos()
        y = nn.functional.scaled_dot_product_attention(i, j, k, scale=0.5)
        return self.o(y.transpose(1, 2).flatten(2))


def test_heads_of_plain_axes_move_as_wholes():
    space = SearchSpace({"n": [2, 4]}, lambda a: Heads(a["n"], 3))
    module = Heads(4, 3)
    found, _ = groups(Probe(module, torch.randn(2, 5, 6)), shrinking(space, module))
    (heads,) = found
    assert {(f.name, f.axis, f.size) for f in heads} >= {
        *((f"{name}.weight", 0, 4) for name in "ijk"),
        ("o.weight", 1, 4),
    }


class Shared(nn.Module):
    """Attention in which two heads share a key and a value."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.i, self.o = nn.Linear(6, 2 * n * 3), nn.Linear(2 * n * 3, 6)
        self.j, self.k = nn.Linear(6, n * 3), nn.Linear(6, n * 3)

    def forward(self, x: Tensor) -> Tensor:
        i, j, k = (
            layer(x).unflatten(-1, (-1, 3)).transpose(1, 2) for layer in (self.i, self.j, self.k)
        )
        j, k = (y.repeat_interleave(2, 1) for y in (j, k))
        y = nn.functional.scaled_dot_product_attention(i, j, k)
        return self.o(y.transpose(1, 2).flatten(2))


def test_groups_of_heads_move_with_the_keys_and_values_that_they_share():
    space = SearchSpace({"n": [2, 4]}, lambda a: Shared(a["n"]))
    module = Shared(4)
    (found,), left = groups(Probe(module, torch.randn(2, 5, 6)), shrinking(space, module))
    assert {(f.name, f.axis, f.size, f.sizes[f.place + 1]) for f in found} == {
        *((f"i.{kind}", 0, 4, 6) for kind in ("weight", "bias")),
        *((f"k.{kind}", 0, 4, 3) for kind in ("weight", "bias")),
        ("j.weight", 0, 4, 3),
        ("o.weight", 1, 4, 6),
    }
    assert [factor.name for factor in left] == ["j.bias"]  # which no softmax tells


@pytest.mark.parametrize("turned", [False, True])
def test_dimensions_of_heads_move_only_where_positions_do_not_tell_them_apart(turned):
    layouts = {f"{name}.weight": "(n d) model" for name in "ijk"}
    layouts |= {f"{name}.bias": "(n d)" for name in "ijk"} | {"o.weight": "model (n d)"}
    space = SearchSpace({"d": [2, 4]}, lambda a: Heads(3, a["d"], turned=turned), layouts)
    found, left = grouped(space, Heads(3, 4, turned=turned), torch.randn(2, 5, 6))
    assert {("k.weight", 0), ("k.bias", 0), ("o.weight", 1)} in found
    assert ("i.weight" in left) == turned


class Flattened(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, width, 3)
        self.norm = nn.BatchNorm2d(width)
        self.last = nn.Linear(width * 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.norm(self.first(x)).tanh().flatten(1))


def test_what_reads_a_flattened_map_moves_in_blocks():
    space = SearchSpace({"width": [2, 3, 6]}, lambda a: Flattened(a["width"]))
    module = trained(space)
    images = torch.randn(3, 1, 4, 4)
    ordered = generators.ordered(space, module, inputs=images)
    (group,) = ordered.groups
    assert {factor.name for factor in group} >= {
        "norm.running_mean",
        "norm.running_var",
        "last.weight",
    }
    assert not ordered.left


def test_what_has_no_symmetry_stays_and_is_told():
    class Counted(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.a, self.b = nn.Linear(3, width), nn.Linear(width, 2)

        def forward(self, x):
            hidden = self.a(x)
            return self.b(hidden * torch.arange(hidden.shape[-1]).to(hidden))

    space = SearchSpace({"width": [2, 4]}, lambda a: Counted(a["width"]))
    module = trained(space)
    ordered = generators.ordered(space, module, inputs=torch.randn(2, 3))
    assert not ordered.groups
    assert "left as they are" in str(ordered)
    assert "a.weight axis 0 (4)" in str(ordered)
    assert_close(ordered.state, dict(module.state_dict()), rtol=0, atol=0)


# --- importance ------------------------------------------------------------------------------------


def build(a):
    layers = [nn.Linear(64, a["p"]), nn.ReLU(), nn.Linear(a["p"], a["q"]), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(a["q"], 10))


SPACE = SearchSpace({"p": [16, 32, 48, 64], "q": [16, 32, 48, 64]}, build)


def learned(seed=0):
    """A network that was trained on digits, and those."""
    inputs, targets = digits().train.tensors
    torch.manual_seed(seed)
    module = build(SPACE.largest())
    optimizer = torch.optim.AdamW(module.parameters(), 1e-3)
    for _ in range(300):
        batch = torch.randint(len(inputs), (64,))
        loss = nn.functional.cross_entropy(module(inputs[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return module.eval(), inputs, targets


def mean_accuracy(start, inputs, targets):
    generator = generators.hypernas(SPACE, start=start).eval()
    accuracies = [
        (generator.call(architecture, inputs).argmax(1) == targets).float().mean()
        for architecture in SPACE.enumerate()
    ]
    return float(torch.stack(accuracies).mean())


@pytest.mark.parametrize("by", ["l1", "l2"])
def test_subnets_of_a_trained_network_are_better_in_the_order_of_magnitude(by):
    gains = []
    for seed in range(2):
        module, inputs, targets = learned(seed)
        ordered = generators.ordered(SPACE, module, inputs=inputs[:1], by=by)
        after = mean_accuracy(ordered.state, inputs, targets)
        gains.append(after - mean_accuracy(module, inputs, targets))
    assert sum(gains) / 2 > 0.03


@pytest.mark.parametrize("by", ["activation", "taylor"])
def test_an_importance_tells_what_the_loss_changes_by_without_a_channel(by):
    module, inputs, targets = learned()
    found, _ = groups(Probe(module, inputs[:2]), shrinking(SPACE, module))
    batches = [(inputs[i : i + 64], targets[i : i + 64]) for i in range(0, 512, 64)]
    loss = nn.functional.cross_entropy
    scores = importance(module, found, by, batches=batches, loss=loss)
    before = loss(module(inputs), targets)
    for group, score in zip(found, scores, strict=True):
        name = next(f.name for f in group if f.axis == 1)
        weight, changes = module.get_parameter(name), []
        for channel in range(len(score)):
            kept = weight.detach().clone()
            with torch.no_grad():
                weight[:, channel] = 0
                changes.append(loss(module(inputs), targets) - before)
                weight.copy_(kept)
        ranks = torch.stack([torch.stack(changes), score]).argsort(1).argsort(1).double()
        assert torch.corrcoef(ranks)[0, 1] > 0.4


def test_what_an_importance_lacks_is_refused():
    module, inputs = build(SPACE.largest()), torch.randn(2, 64)
    with pytest.raises(ValueError, match="needs a loss"):
        generators.ordered(SPACE, module, inputs=inputs, by="taylor")
    with pytest.raises(ValueError, match="needs batches"):
        generators.ordered(SPACE, module, inputs=inputs, by="activation")
    with pytest.raises(ValueError, match="by must be l1"):
        generators.ordered(SPACE, module, inputs=inputs, by="size")


def test_a_permutation_is_undone_by_its_inverse():
    space, _ = READY["transformer_lm"]()
    module = trained(space)
    state = {n: p.detach() for n, p in module.named_parameters()}
    for own in shrinking(space, module):
        order = torch.randperm(own.factor.size, generator=torch.Generator().manual_seed(0))
        there = permuted(state, [own.factor], order)
        assert_close(permuted(there, [own.factor], order.argsort()), state, rtol=0, atol=0)


def test_a_factor_of_a_vector_has_its_entries_as_sums():
    vector = torch.arange(6.0)
    assert torch.equal(Factor("bias", 0, (6,), 0).sums(vector), vector)
    assert Factor("bias", 0, (2, 3), 0).sums(vector).tolist() == [3, 12]
