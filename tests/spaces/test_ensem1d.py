"""Networks over five views of series, and their late fusion."""

import pytest
import torch
from torch.testing import assert_close

from hypernas.generators import hypernas
from hypernas.spaces import ensem1d
from hypernas.spaces.ensem1d import VIEWS, difference, joined

SPACE = ensem1d(input_shape=(5, 12), num_classes=3, widths=[2, 4], depths=[1, 2], kernels=[3, 5])


def series(num: int = 2, end: int = 12) -> torch.Tensor:
    x = torch.randn(num, 5, 12, generator=torch.Generator().manual_seed(0))
    x[:, -1] = 1
    x[:, :, end:] = 0
    return x


def network(view: str):
    torch.manual_seed(0)
    return SPACE.build(SPACE.largest_with("view", view)).eval()


def test_the_published_network_has_the_parameters_of_the_closed_form():
    features, classes, kernel = 150, 60, 8
    space = ensem1d(
        input_shape=(features + 1, 300), num_classes=classes, views=["sequence"], widths=[64], depths=[3], kernels=[kernel]
    )  # fmt: skip

    def conv(inputs: int, outputs: int, kernel: int = kernel) -> int:
        return inputs * outputs * kernel + outputs

    def stage(inputs: int, outputs: int) -> int:
        layers = conv(inputs, outputs) + 2 * conv(outputs, outputs) + 3 * 2 * outputs
        return layers + (conv(inputs, outputs, 1) if inputs != outputs else 0)

    expected = conv(features, 64) + stage(64, 64) + stage(64, 128) + stage(128, 256)
    expected += 2 * 256 + 256 * classes + classes
    found = sum(p.numel() for p in space.build(space.largest()).parameters())
    assert found == expected == 1_874_876


def test_differences_of_a_series_that_does_not_change_are_zero():
    x = torch.ones(2, 4, 7)
    assert_close(difference(x), torch.zeros_like(x), rtol=0, atol=0)
    assert_close(difference(x.cumsum(-1))[..., 1:], x[..., 1:], rtol=0, atol=0)


def test_fused_scores_add_up_to_one_and_are_the_product_made_to_do_so():
    scores = list(torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)).unbind())
    found = joined(scores).exp()
    assert_close(found.sum(-1), torch.ones(4))
    product = torch.stack([s.softmax(-1) for s in scores]).prod(0)
    assert_close(found, product / product.sum(-1, keepdim=True))


def test_another_order_of_frames_changes_what_reads_them_in_order_and_no_mean_over_frames():
    x, order = series(), torch.randperm(12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for view in VIEWS:
            assert not torch.allclose(network(view)(x), network(view)(x[..., order]), atol=1e-5)
    attention = network("attention").attention  # acts on each frame by itself
    frames = x[:, :-1].transpose(1, 2)
    assert_close(attention(frames)[:, order], attention(frames[:, order]))


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "transpose"])
def test_what_stands_behind_the_end_of_a_series_changes_nothing(view):
    net, x = network(view), series(end=7)
    longer = torch.nn.functional.pad(x, (0, 5))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(2)) * (1 - x[:, -1:])
    noise[:, -1] = 0
    with torch.no_grad():
        assert_close(net(x), net(longer), rtol=0, atol=1e-6)
        if view in ("sequence", "parts", "attention"):
            assert not torch.allclose(net(x), net(series(end=8)), atol=1e-6)


def test_one_generator_that_reads_the_view_emits_five_different_networks():
    generator = hypernas(SPACE, num_experts=1, hidden_dims=(4,), gate_scale=1.0)
    shared = "body.stages.0.layers.0.conv.weight"
    made = [generator(SPACE.largest_with("view", view)) for view in VIEWS]
    weights = [weight[shared] for weight in made]
    assert all(not torch.allclose(weights[i], weights[j]) for i in range(5) for j in range(i))
    own = {"transpose": "frames", "parts": "parts"}
    for view, weight in zip(VIEWS, made, strict=True):
        entered = [name for name in weight if name.startswith("body.enter.")]
        kind = own.get(view, "features")
        assert entered == [f"body.enter.{kind}.weight", f"body.enter.{kind}.bias"]


def test_spaces_that_no_series_fits_are_refused():
    wrong = {
        "needs series of shape": {"input_shape": (5,)},
        "several kernels must be odd": {"kernels": [4, 8]},
        "views must be some of": {"views": ["sequence", "spectrum"]},
        r"add up to 4, got \[3, 2\]": {"parts": [3, 2]},
    }
    for message, settings in wrong.items():
        with pytest.raises(ValueError, match=message):
            ensem1d(**({"input_shape": (5, 12), "num_classes": 3} | settings))
