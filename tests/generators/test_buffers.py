"""Buffers that training changes, beside the statistics of norms."""

import copy
import shutil

import pytest
import torch
from configured import NAMES, configured
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.testing import assert_close
from training_runs import blobs, fit, short

from hypernas import SearchSpace, generators
from hypernas.spaces.norms import make_norm
from hypernas.training.callbacks import Checkpoints


class Moving(nn.Module):
    """A spectral norm, a moving average that is replaced, a count, and a table of its own shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = parametrizations.spectral_norm(nn.Linear(2, width))
        self.head = nn.Linear(width, 3)
        self.norm = make_norm("batch", width, 1)
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("count", torch.tensor(0), persistent=False)
        self.register_buffer("table", torch.arange(24.0 // width))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(self.layer(x)[:, :, None])[:, :, 0]
        if self.training:
            self.count += 1
            self.centre = 0.9 * self.centre + 0.1 * hidden.mean(0).detach()
        return self.head(hidden - self.centre + self.table.sum() / 100) / (1 + self.count)


def space(build=Moving) -> SearchSpace:
    return SearchSpace({"width": [4, 6]}, lambda a: build(int(a["width"])))


def trained(name: str) -> generators.Generator:
    generator = configured(name)(space=space())
    inputs = torch.randn(9, 2)
    for width in (4, 6, 4):
        generator.call({"width": width}, inputs).square().mean().backward()
    return generator.eval()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_called_is_exported(name):
    generator, inputs = trained(name), torch.randn(9, 2)
    before = {n: t.clone() for n, t in generator.statistics({"width": 4}).tensors.items()}
    assert {"count", "centre", "layer.parametrizations.weight.0._u"} < set(before)
    assert "table" not in before
    for width in (4, 6):
        found = generator.calibrate({"width": width}, [inputs, inputs + 1])
        for statistics in (None, found):
            outputs = generator.call({"width": width}, inputs, statistics=statistics)
            exported = generator.export({"width": width}, statistics=statistics)
            assert_close(exported(inputs), outputs)
            assert_close(exported.table, torch.arange(24.0 // width))
            assert exported.count > 0
    assert_close(generator.statistics({"width": 4}).tensors, before, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["shared", "few_shot", "standalone", "by_name", "hmlp"])
def test_they_come_along_with_copies_and_states(name):
    generator, inputs = trained(name), torch.randn(9, 2)
    again, copied = configured(name)(space=space()), copy.deepcopy(generator)
    again.load_state_dict(generator.state_dict())
    for other in (again.eval(), copied):
        assert_close(other.call({"width": 4}, inputs), generator.call({"width": 4}, inputs))
    fresh = configured(name)(space=space())
    again.load_state_dict(fresh.state_dict())
    assert_close(again.state_dict(), fresh.state_dict(), rtol=0, atol=0)


def test_steps_of_one_architecture_change_them_as_the_plain_module_does():
    generator = generators.shared(space())
    plain = generator.export({"width": 6}).train()
    for _ in range(4):
        inputs = torch.randn(9, 2)
        assert_close(generator.call({"width": 6}, inputs), plain(inputs))
    expected = dict(plain.named_buffers())
    kept = generator.statistics({"width": 6}).tensors
    assert_close(kept, {name: expected[name] for name in kept})
    assert generator.statistics({"width": 4}).tensors["count"] == 4


def test_calibration_finds_the_largest_singular_value_of_a_subnet():
    generator = generators.shared(space())
    generator.call({"width": 6}, torch.randn(9, 2))
    found = generator.calibrate({"width": 4}, [torch.randn(9, 2)] * 30)
    exported = generator.export({"width": 4}, statistics=found)
    assert_close(torch.linalg.matrix_norm(exported.layer.weight, ord=2), torch.tensor(1.0))


def test_a_resumed_run_has_them(tmp_path):
    whole, resumed = (generators.shared(space()) for _ in range(2))
    fit(whole, short(6), callbacks=[Checkpoints(tmp_path, every=3)])
    shutil.rmtree(tmp_path / "00000006")
    fit(resumed, short(6), callbacks=[], resume=tmp_path)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)
    inputs = blobs().example("test", 8)
    outputs = [g.eval().call({"width": 4}, inputs) for g in (whole, resumed)]
    assert_close(*outputs, rtol=0, atol=0)


class Growing(nn.Module):
    """A cache that grows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(2, width)
        self.register_buffer("cache", torch.zeros(0, width))

    def forward(self, x: Tensor) -> Tensor:
        outputs = self.layer(x)
        self.cache = torch.cat([self.cache, outputs.detach()])
        return outputs


class Inverse(nn.Module):
    """A buffer that is longer in smaller subnets."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(2, width)
        self.register_buffer("seen", torch.zeros(24 // width))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen += 1
        return self.layer(x)


@pytest.mark.parametrize(
    ("build", "words"),
    [(Growing, "its buffer cache of shape"), (Inverse, r"seen: \(6,\), in the largest \(4,\)")],
)
def test_buffers_that_cannot_be_kept_are_refused_by_name_when_a_generator_is_made(build, words):
    with pytest.raises(ValueError, match=words):
        generators.shared(space(build))


class TwoInputs(Growing):
    """What no guess of inputs suits."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return super().forward(x + y)


def test_without_inputs_that_suit_they_are_refused_before_the_first_step():
    unknown = SearchSpace({"width": [4, 6]}, lambda a: TwoInputs(a["width"]), {"*": "..."})
    generator, inputs = generators.shared(unknown), torch.randn(3, 2)
    with pytest.raises(ValueError, match="its buffer cache of shape"):
        generator.call({"width": 4}, inputs, inputs)
    generator.eval().call({"width": 4}, inputs, inputs)


class Blocks(nn.Module):
    """Two blocks of rows that are read one beside the other, under spectral norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = parametrizations.spectral_norm(nn.Linear(2, 2 * width, bias=False))
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.layer(x).chunk(2, -1)
        return self.head(one * two)


def test_vectors_of_spectral_norm_are_cut_as_the_weights_are_or_refused():
    def blocks(**vectors: str) -> SearchSpace:
        layouts = {"layer.weight": "(two rows) columns"} | vectors
        return SearchSpace({"width": [4, 6]}, lambda a: Blocks(a["width"]), layouts)

    vector = "layer.parametrizations.weight.0._u"
    with pytest.raises(ValueError, match=rf"buffers \['{vector}'\].* Write layouts"):
        generators.shared(blocks())
    generators.shared(blocks(**{vector: "..."}))
    generator = generators.shared(blocks(**{vector: "(two rows)"}))
    generator.call({"width": 6}, torch.randn(3, 2))
    large, small = (generator.statistics({"width": w}).tensors[vector] for w in (6, 4))
    assert_close(small, large[[0, 1, 2, 3, 6, 7, 8, 9]])


class Quantized(nn.Module):
    """Fake quantization by torch's fused operation, which does not count its writes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(2, width)
        self.register_buffer("on", torch.ones(1))
        self.register_buffer("zero", torch.zeros(1, dtype=torch.int))
        for name, value in (("low", torch.inf), ("high", -torch.inf), ("scale", 1.0)):
            self.register_buffer(name, torch.full((1,), value))

    def forward(self, x: Tensor) -> Tensor:
        ranges = self.low, self.high, self.scale, self.zero
        hidden = self.layer(x)
        return torch.fused_moving_avg_obs_fake_quant(
            hidden, self.on, self.on, *ranges, 0.1, 0, 255, -1
        )


def test_buffers_that_are_written_to_without_a_count_are_refused():
    with pytest.raises(ValueError, match=r"'zero', 'low', 'high', 'scale'.* nothing would keep"):
        generators.shared(space(Quantized))
