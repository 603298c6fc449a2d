import copy
from functools import partial

import pytest
import torch
from example_spaces import EXAMPLES
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parametrize
from torch.testing import assert_close

from hypernas.subnet.norms import calibrate, norm_statistics
from hypernas.subnet.target import Target, call, check_weights, skeleton, weight_shapes


@pytest.fixture(params=EXAMPLES)
def module_and_inputs(request) -> tuple[nn.Module, Tensor]:
    space, inputs = EXAMPLES[request.param]()
    return space.build(space.largest()), inputs


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def test_a_skeleton_on_the_modules_own_weights_computes_what_the_module_does(module_and_inputs):
    module, inputs = module_and_inputs
    expected = module.eval()(inputs)
    weights = weights_of(module)
    assert_close(call(skeleton(module), weights, inputs), expected)


def test_a_skeleton_has_no_weights_and_keeps_its_buffers_and_shapes(module_and_inputs):
    module, _ = module_and_inputs
    shapes = weight_shapes(module)
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    assert skeleton(module) is module
    assert all(p.is_meta for p in module.parameters())
    assert weight_shapes(module) == shapes
    assert_close(dict(module.named_buffers()), buffers)


def test_tied_parameters_stay_tied_and_stand_once():
    space, _ = EXAMPLES["tied"]()
    module = skeleton(space.build(space.largest()))
    assert module.head.weight is module.embedding.weight
    assert "embedding.weight" in weight_shapes(module)
    assert "head.weight" not in weight_shapes(module)


def test_frozen_parameters_stay_frozen():
    linear = nn.Linear(2, 2)
    linear.bias.requires_grad_(False)
    assert [p.requires_grad for p in skeleton(linear).parameters()] == [True, False]


def test_gradients_are_those_of_the_module(module_and_inputs):
    module, inputs = module_and_inputs
    module.eval()
    own = dict(module.named_parameters())
    expected = torch.autograd.grad(module(inputs).square().sum(), list(own.values()))
    weights = {name: w.requires_grad_() for name, w in weights_of(module).items()}
    loss = call(skeleton(module), weights, inputs).square().sum()
    assert_close(torch.autograd.grad(loss, list(weights.values())), expected)


def test_a_module_has_its_own_tensors_back_after_a_run_and_after_a_failure(module_and_inputs):
    module, inputs = module_and_inputs
    target = Target(module.train())
    names = [*dict(module.named_parameters()), *dict(module.named_buffers())]
    before = [
        module.get_parameter(n) if n in target.shapes else module.get_buffer(n) for n in names
    ]
    target.run(weights_of(module), inputs, buffers=copy.deepcopy(dict(module.named_buffers())))
    with pytest.raises(TypeError, match="argument"):
        target.run(weights_of(module), inputs, "no such argument")
    after = [module.get_parameter(n) if n in target.shapes else module.get_buffer(n) for n in names]
    assert all(a is b for a, b in zip(after, before, strict=True))


def test_a_run_is_a_functional_call_of_torch(module_and_inputs):
    module, inputs = module_and_inputs
    weights = {name: torch.randn_like(w) for name, w in weights_of(module).items()}
    expected = functional_call(module.eval(), weights, (inputs,))
    assert_close(Target(module).run(weights, inputs), expected, rtol=0, atol=0)


def test_buffers_that_the_module_does_not_have_are_refused():
    with pytest.raises(ValueError, match=r"no buffers \['other'\]"):
        call(nn.ReLU(), {}, torch.ones(1), buffers={"other": torch.ones(1)})


def test_every_misfit_of_the_weights_is_named_at_once():
    weights = {"weight": torch.ones(2, 3), "other": torch.ones(1)}
    with pytest.raises(ValueError, match="do not fit the target of the module") as caught:
        call(nn.Linear(4, 2), weights, torch.ones(1, 4))
    assert str(caught.value).splitlines()[1:4] == [
        "  weight: expected (2, 4), got (2, 3)",
        "  bias: not generated",
        "  other: generated, but no such parameter",
    ]


def test_a_weight_that_would_broadcast_is_refused():
    with pytest.raises(ValueError, match=r"bias: expected \(2,\), got \(1,\)"):
        check_weights({"bias": torch.Size([2])}, {"bias": torch.ones(1)})


def test_training_updates_the_given_statistics_and_no_others():
    module = nn.Sequential(nn.BatchNorm1d(3))
    given = {name: buffer.clone() for name, buffer in norm_statistics(module).items()}
    inputs = torch.randn(8, 3) + 5
    call(module, weights_of(module), inputs, buffers=given)
    assert_close(module[0].running_mean, torch.zeros(3))
    assert_close(given["0.running_mean"], 0.1 * inputs.mean(0))
    assert given["0.num_batches_tracked"] == 1


def test_statistics_are_named_as_buffers_and_are_those_of_tracking_norms_only():
    module = nn.Sequential(
        nn.BatchNorm1d(3),
        nn.InstanceNorm1d(3),
        nn.InstanceNorm1d(3, track_running_stats=True),
        nn.LayerNorm(3),
    )
    module.register_buffer("table", torch.ones(1))
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    assert list(norm_statistics(module)) == [f"{i}.{b}" for i in (0, 2) for b in buffers]
    assert list(norm_statistics(nn.BatchNorm1d(3))) == list(buffers)


def test_calibration_averages_the_statistics_of_the_batches():
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    batches = [torch.randn(8, 4) * (i + 1) for i in range(3)]
    hidden = torch.stack([module[0](batch) for batch in batches])
    module(batches[0])  # statistics from before do not count
    found = calibrate(module, weights_of(module), batches)
    assert_close(found["1.running_mean"], hidden.mean((0, 1)))
    assert_close(found["1.running_var"], hidden.var(1).mean(0))
    assert found["1.num_batches_tracked"] == 3


def test_calibration_runs_everything_but_the_norms_in_evaluation_mode():
    module = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3)).train()
    inputs = torch.randn(8, 3)
    found = calibrate(module, weights_of(module), [(inputs,)])
    assert_close(found["1.running_mean"], inputs.mean(0))


def test_calibration_leaves_the_module_as_it_was():
    module = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3, momentum=0.3)).train()
    module[0].eval()
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    with pytest.raises(RuntimeError):
        calibrate(module, weights_of(module), [torch.randn(8, 3), torch.randn(8, 5)])
    assert [part.training for part in module.modules()] == [True, False, True]
    assert module[1].momentum == 0.3
    assert_close(dict(module.named_buffers()), before)


def test_calibration_without_norms_reads_no_batch():
    module = nn.Linear(2, 2)
    batches = iter([torch.ones(1, 2)])
    assert calibrate(module, weights_of(module), batches) == {}
    assert len(list(batches)) == 1


def test_calibration_of_norms_without_batches_is_refused():
    with pytest.raises(ValueError, match="needs one or more batches"):
        calibrate(nn.BatchNorm1d(2), {"weight": torch.ones(2), "bias": torch.ones(2)}, [])


@pytest.mark.parametrize(
    "norm", [nn.BatchNorm1d, partial(nn.InstanceNorm1d, track_running_stats=True)]
)
def test_calibrated_statistics_are_the_plain_averages_over_batches(norm):
    module = nn.Sequential(norm(3))
    rng = torch.Generator().manual_seed(0)
    batches = [torch.randn(8, 3, 5, generator=rng) + i for i in range(3)]
    found = calibrate(module, dict(module.named_parameters()), batches)
    over = (0, 2) if norm is nn.BatchNorm1d else 2
    means = torch.stack([b.mean(over).reshape(-1, 3).mean(0) for b in batches])
    variances = torch.stack([b.var(over).reshape(-1, 3).mean(0) for b in batches])
    assert_close(found["0.running_mean"], means.mean(0))
    assert_close(found["0.running_var"], variances.mean(0))


class _Lowered(nn.Module):
    """A layer whose weight has a parametrization while it computes, as adapters of PEFT have."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.plus = nn.Linear(3, 2), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        parametrize.register_parametrization(self.layer, "weight", self.plus)
        try:
            return self.layer(x)
        finally:
            parametrize.remove_parametrizations(self.layer, "weight", leave_parametrized=False)


def test_a_weight_that_is_parametrized_while_it_is_used_stays_a_parameter():
    """Torch gives it back as a buffer where it is a plain tensor, as generated weights are."""
    module = _Lowered()
    weights = {name: torch.randn(p.shape) for name, p in module.named_parameters()}
    x = torch.randn(4, 3)
    for _ in range(2):
        outputs = call(module, weights, x)
        assert_close(outputs, x @ weights["layer.weight"].T + weights["layer.bias"])
    assert not list(module.named_buffers())
    assert {name for name, _ in module.named_parameters()} == weights.keys()


def test_what_an_embedding_shortens_for_itself_leaves_the_weights_alone():
    """torch's max_norm writes to the table that it reads, which is a part of a bank here; gradients are torch's."""
    torch.manual_seed(0)
    embedding, ids = nn.Embedding(5, 4, max_norm=0.5), torch.tensor([0, 3])
    weight = embedding.weight.detach().clone()
    own = weight.clone().requires_grad_()
    found = call(embedding, {"weight": own}, ids)
    found.square().sum().backward()
    assert_close(own.detach(), weight, rtol=0, atol=0)
    expected = embedding(ids)
    expected.square().sum().backward()
    assert_close(found, expected)
    assert_close(own.grad, embedding.weight.grad)
