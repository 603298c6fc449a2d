"""Bounds hold for every input of a box, are refused where nobody knows them, and cost nothing at radius 0."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from hypernas import SearchSpace, generators
from hypernas.certification import Unbounded, attacked, interval, margins


class Net(nn.Module):
    """A user's module with all that intervals pass: norms, depthwise layers, pooling, sums, in-place work."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.up = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.hidden = nn.Linear(width * 9, 16)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.relu(self.norm(self.stem(x)))
        y = F.leaky_relu(self.depthwise(x), 0.1)
        x = x + y
        x = F.max_pool2d(F.avg_pool2d(self.up(x), 2), 2)
        x -= 0.1
        x = (2 * x - x.mean((2, 3), keepdim=True)) / 1.5
        x = F.dropout(x, 0.2, self.training).flatten(1)
        return self.head(torch.tanh(self.hidden(x)))


@pytest.fixture
def net():
    torch.manual_seed(0)
    made = Net()
    made.norm.running_mean.uniform_(-1, 1)
    made.norm.running_var.uniform_(0.5, 2)
    return made.eval()


@torch.no_grad()
def test_none_of_a_hundred_thousand_points_leaves_the_bounds(net):
    inputs = torch.rand(4, 1, 6, 6)
    bounds = net(interval(inputs, 0.1, low=0.0, high=1.0)).bounds
    tolerance = 1e-5 * (1 + bounds.upper.abs().max())
    rng = torch.Generator().manual_seed(1)
    for i in range(25):
        noise = torch.rand(1000, *inputs.shape, generator=rng) * 2 - 1
        noise = noise.sign() if i % 2 else noise  # corners too
        points = (inputs + 0.1 * noise).clamp(0, 1).flatten(0, 1)
        outputs = net(points).view(1000, 4, 10)
        assert (outputs >= bounds.lower - tolerance).all()
        assert (outputs <= bounds.upper + tolerance).all()
    assert (bounds.lower < bounds.upper).all()


@pytest.mark.parametrize("training", [False, True])
def test_radius_0_is_the_plain_forward_pass(net, training):
    net.train(training)
    inputs = torch.rand(5, 1, 6, 6)
    torch.manual_seed(1)
    bounds = net(interval(inputs, 0.0)).bounds
    for one in bounds[1:]:
        torch.testing.assert_close(one, bounds.value, rtol=1e-5, atol=1e-5)
    if not training:
        torch.testing.assert_close(bounds.value, net(inputs), rtol=0, atol=0)


def test_statistics_of_batch_norms_are_those_of_the_values(net):
    inputs, other = torch.rand(5, 1, 6, 6), Net().train()
    other.load_state_dict(net.state_dict())
    net.train()(interval(inputs, 0.3))
    other(inputs)
    torch.testing.assert_close(net.norm.running_var, other.norm.running_var)


def test_generated_weights_get_the_gradient_of_bounds():
    choices = {"width": [4, 8]}
    space = SearchSpace(
        choices, build=lambda a: Net(a["width"]), layouts="auto", inputs=torch.rand(2, 1, 6, 6)
    )
    generator = generators.shared(space)
    outputs = generator.call(space.smallest(), interval(torch.rand(3, 1, 6, 6), 0.1))
    (outputs.bounds.upper - outputs.bounds.lower).sum().backward()
    for name, parameter in generator.named_parameters():
        if "stem.weight" in name:
            assert parameter.grad.abs().sum() > 0


@torch.no_grad()
def test_a_merged_last_layer_is_as_tight_as_the_best_box_and_tighter_than_logits_alone():
    torch.manual_seed(0)
    net, inputs = nn.Linear(6, 4), torch.randn(3, 6)
    labels = torch.tensor([0, 3, 1])
    outputs = net(interval(inputs, 0.2))
    found = margins(outputs, labels)
    for n, y in enumerate(labels):
        for j in range(4):
            lead = net.weight[y] - net.weight[j]
            worst = inputs[n] - 0.2 * lead.sign()  # of a linear map, a corner
            exact = net(worst)[y] - net(worst)[j]
            torch.testing.assert_close(found[n, j], exact, rtol=1e-5, atol=1e-5)
    outputs.last = None
    alone = margins(outputs, labels)
    assert (alone <= found + 1e-6).all()
    assert (alone < found - 1e-3).any()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: x.softmax(1), "softmax"),
        (lambda x: F.gelu(x), "gelu"),
        (lambda x: F.layer_norm(x, x.shape[1:]), "layer_norm"),
        (lambda x: x * x, "mul"),
        (lambda x: x @ x, "matmul"),
        (lambda x: 1 / x, "rdiv"),
        (lambda x: F.linear(torch.ones(2, 4), x), "linear"),
        (lambda x: x.std(), "std"),
        (lambda x: F.max_pool1d(x, 2, return_indices=True), "max_pool1d"),
        (lambda x: F.leaky_relu(x, -0.1), "leaky_relu"),
    ],
)
def test_an_operation_without_bounds_is_refused_by_its_name(call, name):
    with pytest.raises(Unbounded, match=f"no bounds for '.*{name}"):
        call(interval(torch.rand(4, 4), 0.1))


def test_ends_change_places_where_a_sign_does():
    x = interval(torch.tensor([[1.0, 2.0]]), 0.5)
    y = x.clone()
    y *= -2
    y /= 4
    y += torch.ones_like(y)
    for found, lower, upper in (
        (3 - x, [1.5, 0.5], [2.5, 1.5]),
        (-x, [-1.5, -2.5], [-0.5, -1.5]),
        (y, [0.25, -0.25], [0.75, 0.25]),
        (x * -2, [-3.0, -5.0], [-1.0, -3.0]),
        (x / -2, [-0.75, -1.25], [-0.25, -0.75]),
        (torch.sub(1.0 + x, x, alpha=2), [-1.5, -2.5], [1.5, 0.5]),
        (torch.tensor([[2.0, 2.0]]) - x, [0.5, -0.5], [1.5, 0.5]),
    ):
        torch.testing.assert_close(found.bounds.lower, torch.tensor([lower]))
        torch.testing.assert_close(found.bounds.upper, torch.tensor([upper]))


@pytest.mark.parametrize(
    ("forward", "told"),
    [
        (lambda x: torch.nn.functional.leaky_relu(x, -0.5), "'leaky_relu' that may fall"),
        (lambda x: torch.nn.functional.elu(x, alpha=-1.0), "'elu' that may fall"),
        (lambda x: x * float(x.mean()), "no bounds for '__float__'"),
        (lambda x: x.relu() if x.sum() > 0 else x, "no bounds for 'gt'"),
    ],
)
def test_what_may_fall_or_decides_by_a_number_is_refused(forward, told):
    with pytest.raises(Unbounded, match=told):
        forward(interval(torch.randn(4, 4), 0.1))


def written_apart(x):
    total = torch.zeros_like(x)
    total += x.relu()
    return x + total


def written_through_a_view(x):
    x.view(2, 8).relu_()
    return x * 1.0


def written_before_a_view_is_read(x):
    view = (y := x * 2)[:, :2]
    y += 5
    return view * 1.0


def written_behind_dropout(x):
    F.relu(F.dropout(x, 0.5, training=False), inplace=True)
    return x.flatten()


def filled(x):
    return x + torch.full_like(x, x.mean())


def set_anew(x):
    y = x * 2
    y.data = x.data
    return y + 0


UNSOUND = {
    written_apart: "without bounds",
    written_through_a_view: "shares their memory",
    written_before_a_view_is_read: "shares their memory",
    written_behind_dropout: "shares their memory",
    filled: "filled with an interval",
    set_anew: "__set__",
    lambda x: x + x.mH: "no bounds for",
    lambda x: torch.exp(x, out=torch.empty(4, 4)): "with out=",
    lambda x: F.softplus(x, threshold=1.0): "may fall",
    lambda x: F.avg_pool2d(x[None], 2, divisor_override=-1): "falls",
    lambda x: torch._C._nn.elu(x, 1.0, -1.0): "may fall",
    lambda x: x.to(torch.uint8): "to torch.uint8",
    lambda x: torch.div(x, 2, rounding_mode="floor"): "called so",
}


@pytest.mark.parametrize("forward", UNSOUND)
def test_what_would_leave_the_bounds_in_silence_is_refused(forward):
    with pytest.raises(Unbounded, match=UNSOUND[forward]):
        forward(interval(torch.randn(4, 4), 0.1))


def test_a_network_that_writes_over_its_own_layers_is_as_sound_as_one_that_does_not():
    torch.manual_seed(0)
    layers = nn.Linear(4, 6), nn.Linear(6, 3)
    inputs = torch.randn(5, 4)

    def run(x, inplace):
        x = F.relu(layers[0](x), inplace=inplace)
        return F.leaky_relu(layers[1](x), 0.2, inplace=inplace)

    for one, other in zip(
        run(interval(inputs, 0.3), True).bounds,
        run(interval(inputs, 0.3), False).bounds,
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_the_callers_inputs_stay_what_they_are():
    inputs = torch.ones(3)
    box = interval(inputs, 0.1)
    box -= 1
    assert inputs.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("radius", "limits", "told"),
    [
        (0.1, {"low": 0.0, "high": 1.0}, "inputs reach from -2 to 3"),
        (0.1, {"low": -1.0}, "beyond low=-1"),
        (0.1, {"low": 1.0, "high": 0.0}, "low below high"),
        (-0.1, {}, "a radius of 0 or more"),
    ],
)
def test_a_box_that_holds_nothing_is_refused(radius, limits, told):
    inputs = torch.tensor([[-2.0, 3.0]])
    with pytest.raises(ValueError, match=told):
        interval(inputs, radius, **limits)
    with pytest.raises(ValueError, match=told):
        attacked(nn.Linear(2, 2), inputs, torch.zeros(1, dtype=torch.long), radius, **limits)


CALLS = {  # name of a rule -> calls of it, on an interval of shape (2, 3, 4, 4)
    "pad": [partial(F.pad, pad=(1, 0, 2, 1), mode=m) for m in ("constant", "reflect", "circular")],
    "clamp": [lambda x: x.clamp(-0.2, 0.3), lambda x: x.clamp(min=torch.zeros(4))],
    "softplus": [F.softplus, lambda x: F.softplus(x, 3.0)],
    "leaky_relu": [lambda x: F.leaky_relu(x, 0.3)],
    "elu": [lambda x: F.elu(x, 0.4)],
    "celu": [lambda x: F.celu(x, 0.4)],
    "mul": [lambda x: x * -2, lambda x: -x * torch.randn(4), lambda x: x * torch.tensor([True, False, True, True])],
    "matmul": [lambda x: x @ torch.randn(4, 3), lambda x: torch.randn(3, 4) @ x],
    "div": [lambda x: x / -3, lambda x: torch.div(x, torch.randn(4))],
    "sub": [lambda x: 1 - x, lambda x: x - 2 * x.relu(), lambda x: torch.sub(x, x.tanh(), alpha=-3)],
    "add": [lambda x: torch.add(x, x.relu(), alpha=-2), lambda x: torch.randn(4) + x],
    "avg_pool2d": [lambda x: F.avg_pool2d(x, 2, padding=1, divisor_override=3)],
    "max_pool2d": [lambda x: F.max_pool2d(x, 3, 2, 1)],
    "conv2d": [lambda x: F.conv2d(x, torch.randn(6, 1, 3, 3), torch.randn(6), groups=3, padding=1)],
    "conv_transpose2d": [lambda x: F.conv_transpose2d(x, torch.randn(3, 2, 2, 2), stride=2)],
    "cat": [lambda x: torch.cat([x, torch.randn(2, 1, 4, 4), -x], 1), lambda x: torch.stack([x, x])],
    "reshaped": [lambda x: x.permute(1, 0, 3, 2).flatten(1), lambda x: x[:, 1:, ::2].mT.flip(0)],
    "reduced": [lambda x: x.mean((2, 3)), lambda x: x.sum(1), lambda x: x.amax(-1), lambda x: x.amin(1)],
    "norm": [lambda x: F.batch_norm(x, torch.randn(3), torch.rand(3) + 0.1, torch.randn(3), torch.randn(3))],
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_no_point_leaves_the_bounds_of_any_rule(name):
    for forward in CALLS[name]:
        torch.manual_seed(0)
        inputs = torch.randn(2, 3, 4, 4)
        signs = [torch.rand(40, *inputs.shape) * 2 - 1, torch.randn(40, *inputs.shape).sign()]

        def run(x, forward=forward):
            torch.manual_seed(1)  # the same constants
            return forward(x)

        bounds = run(interval(inputs, 0.4)).bounds
        torch.testing.assert_close(bounds.value, run(inputs))
        assert (bounds.lower <= bounds.upper).all()
        for point in inputs + 0.4 * torch.cat(signs):
            found = run(point)
            assert (found >= bounds.lower - 1e-5).all()
            assert (found <= bounds.upper + 1e-5).all()
