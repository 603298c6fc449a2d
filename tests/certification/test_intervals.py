"""Bounds hold for every input of a box, are refused where nobody knows them, and cost nothing at radius 0."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from hypernas import SearchSpace, generators
from hypernas.certification import Unbounded, interval, margins


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
        (lambda x: torch.nn.functional.leaky_relu(x, -0.5), "'leaky_relu' that falls"),
        (lambda x: torch.nn.functional.elu(x, alpha=-1.0), "'elu' that falls"),
        (lambda x: x * float(x.mean()), "no bounds for '__float__'"),
        (lambda x: x.relu() if x.sum() > 0 else x, "no bounds for 'gt'"),
    ],
)
def test_what_may_fall_or_decides_by_a_number_is_refused(forward, told):
    with pytest.raises(Unbounded, match=told):
        forward(interval(torch.randn(4, 4), 0.1))
