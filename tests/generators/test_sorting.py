"""Sorting channels keeps the largest subnet and gives the others the most important ones."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from hypernas import SearchSpace
from hypernas.generators import Mixture, hypernas, mos_layer, mos_neuron, ofa, shared, sort_channels
from hypernas.spaces import conv2d

HIDDEN = {"*.expand.*": 0, "*.expand_norm.*": 0, "*.project.weight": 1}
STEM = {  # the residual stream of the first stage
    "stages.0.enter.weight": 0,
    "stages.0.enter_norm.*": 0,
    "stages.0.blocks.*.expand.weight": 1,
    "stages.0.blocks.*.project.weight": 0,
    "stages.0.blocks.*.project_norm.*": 0,
    "stages.1.enter.weight": 1,
}
FACTORIES = [shared, ofa, mos_layer]


def space(norm: str = "batch") -> SearchSpace:
    return conv2d(
        input_shape=(1, 6, 6), num_classes=3, widths=((4, 6), (6, 8)), depths=(1, 2), norm=norm
    )


def inputs() -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(5, 1, 6, 6, generator=rng, dtype=torch.double)


def trained(generator: Mixture) -> Mixture:
    """As after training: no two channels are alike."""
    generator.double().train()
    for architecture in (generator.space.smallest(), generator.space.largest()):
        generator.call(architecture, inputs())
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in generator.parameters():
            noise = torch.randn(parameter.shape, generator=rng, dtype=torch.double)
            parameter.add_(0.3 * noise)
    return generator.eval()


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize(
    "channels", [[HIDDEN], [STEM], [HIDDEN, STEM]], ids=["hidden", "stem", "both"]
)
def test_the_largest_subnet_computes_the_same(factory, channels):
    generator = trained(factory(space()))
    largest, smallest = generator.space.largest(), generator.space.smallest()
    before = generator.call(largest, inputs()), generator.call(smallest, inputs())
    sort_channels(generator, channels=channels, inputs=inputs())
    assert_close(generator.call(largest, inputs()), before[0], rtol=1e-6, atol=1e-6)
    assert not torch.allclose(generator.call(smallest, inputs()), before[1], atol=1e-3)


def test_prefixes_hold_the_channels_of_the_largest_norm():
    generator = trained(shared(space("none")))
    name = "stages.0.blocks.0.project.weight"
    before = generator(generator.space.largest())[name].detach().clone()
    norms = before.abs().sum((0, 2, 3))
    orders = sort_channels(generator, channels=[{"*.expand.*": 0, "*.project.weight": 1}])
    after = generator(generator.space.largest())[name]
    assert_close(after.abs().sum((0, 2, 3)), norms.sort(descending=True).values)
    order = orders["stages.0.blocks.0.expand.weight, axis 0"]
    assert_close(after, before[:, order], rtol=0, atol=0)
    subnet = {**generator.space.largest(), "expansion_0_0": 1}
    kept = generator(subnet)[name]
    assert kept.shape[1] == 6
    assert_close(kept, before[:, norms.topk(6).indices], rtol=0, atol=0)


def test_each_module_has_an_order_of_its_own():
    orders = sort_channels(trained(shared(space())), channels=[HIDDEN])
    assert len(orders) == 4
    assert all(sorted(order.tolist()) == list(range(len(order))) for order in orders.values())
    assert len({tuple(order.tolist()) for order in orders.values()}) == 4


def test_sorting_twice_changes_nothing_more():
    generator = trained(ofa(space()))
    sort_channels(generator, channels=[HIDDEN])
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    sort_channels(generator, channels=[HIDDEN])
    assert_close(generator.state_dict(), before, rtol=0, atol=0)


def test_channels_that_nothing_reads_go_by_what_writes_them():
    net = SearchSpace({"width": [2, 5]}, lambda a: nn.Linear(3, a["width"]))
    generator = shared(net)
    norms = generator({"width": 5})["weight"].abs().sum(1)
    order = sort_channels(generator, channels=[{"weight": 0, "bias": 0}])["weight, axis 0"]
    assert_close(norms[order], norms.sort(descending=True).values)


def test_the_inputs_of_a_transposed_convolution_are_its_first_axis():
    class Net(nn.Module):
        def __init__(self, architecture) -> None:
            super().__init__()
            self.enter = nn.Conv1d(2, architecture["width"], 1)
            self.leave = nn.ConvTranspose1d(architecture["width"], 3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.leave(self.enter(x).relu())

    generator = shared(SearchSpace({"width": [2, 5]}, Net))
    norms = generator({"width": 5})["leave.weight"].abs().sum((1, 2))
    tied = {"enter.*": 0, "leave.weight": 0}
    x = torch.randn(2, 2, 4, generator=torch.Generator().manual_seed(0))
    order = sort_channels(generator, channels=[tied], inputs=x)["enter.weight, axis 0"]
    assert_close(norms[order], norms.sort(descending=True).values)


def test_a_forgotten_axis_is_noticed_and_undone():
    generator = trained(shared(space()))
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    tied = {name: axis for name, axis in HIDDEN.items() if name != "*.expand_norm.*"}
    with pytest.raises(ValueError, match="`channels` lacks some axis"):
        sort_channels(generator, channels=[tied], inputs=inputs())
    assert_close(generator.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize("factory", [mos_neuron, hypernas])
def test_coefficients_of_single_channels_are_not_left_behind(factory):
    generator = trained(factory(space()))
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    with pytest.raises(ValueError, match="single channels have coefficients"):
        sort_channels(generator, channels=[HIDDEN])
    assert_close(generator.state_dict(), before, rtol=0, atol=0)


def test_channels_of_vectors_alone_cannot_be_sorted():
    with pytest.raises(ValueError, match="no matrix runs over these channels"):
        sort_channels(shared(space()), channels=[{"*.expand_norm.*": 0}])


class Telling(nn.Module):
    """Gives its hidden channels beside the output."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(3, width), nn.Linear(width, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.one(x).relu()
        return {"hidden": hidden, "answer": self.two(hidden)}


def test_outputs_that_are_the_channels_themselves_may_move():
    generator = shared(SearchSpace({"width": [2, 5]}, lambda a: Telling(a["width"]))).eval()
    channels, x = [{"one.*": 0, "two.weight": 1}], torch.randn(4, 3)
    before = generator.call({"width": 5}, x)
    with pytest.raises(ValueError, match="output="):
        sort_channels(generator, channels=channels, inputs=x)
    with pytest.raises(ValueError, match=r"output: expected one of .*\['hidden', 'answer'\]"):
        sort_channels(generator, channels=channels, inputs=x, output="logits")
    (order,) = sort_channels(generator, channels=channels, inputs=x, output="answer").values()
    after = generator.call({"width": 5}, x)
    assert_close(after, {"hidden": before["hidden"][:, order], "answer": before["answer"]})
