"""Tensors that modules keep beside their parameters."""

import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.testing import assert_close

from hypernas import SearchSpace, generators


class Keeping(nn.Module):
    """A linear layer, read back through whatever `keep` makes of it."""

    def __init__(self, width: int, keep) -> None:
        super().__init__()
        self.encoder = nn.Linear(3, width, bias=False)
        self.kept = keep(self.encoder.weight)

    def forward(self, x: Tensor) -> Tensor:
        kept = self.kept
        while not isinstance(kept, Tensor):
            kept = (
                kept()
                if callable(kept)
                else next(iter(kept.values() if isinstance(kept, dict) else kept))
            )
        return self.encoder(x) @ kept.reshape(-1, 3)


class Holder:
    """An object of a user's own."""

    def __init__(self, weight: Tensor) -> None:
        self.deep = {"weight": weight}


def space(keep) -> SearchSpace:
    return SearchSpace({"width": [4, 6]}, lambda a: Keeping(a["width"], keep))


FOLLOWED = {
    "a list": lambda weight: [weight],
    "a dictionary in a list": lambda weight: [{"weight": weight}],
}
REFUSED = {
    "kept[0]": lambda weight: (weight,),
    "kept['view'][0]": lambda weight: {"view": [weight.data.t()]},
    "kept (its variable weight)": lambda weight: lambda: weight,
    "kept (partial)[0]": lambda weight: partial(torch.clone, weight),
    "kept.deep['weight']": lambda weight: Holder(weight.detach()),
    "kept": lambda weight: nn.Parameter(weight.data).detach(),
}


@pytest.mark.parametrize("keep", FOLLOWED.values(), ids=list(FOLLOWED))
@pytest.mark.parametrize("drawn", [False, True])  # which has the module built with its weights
def test_parameters_in_lists_and_dictionaries_are_followed(keep, drawn):
    def kept(weight):
        torch.rand(int(drawn))
        return keep(weight)

    generator = generators.shared(space(kept))
    inputs = torch.randn(5, 3)
    generator.call({"width": 4}, inputs).square().sum().backward()
    plain = generator.export({"width": 4})
    plain(inputs).square().sum().backward()
    (bank,) = generator.parameters()
    assert_close(bank.grad[0, :4], plain.encoder.weight.grad)


@pytest.mark.parametrize("path", REFUSED)
def test_views_and_what_cannot_be_exchanged_are_refused_by_name(path):
    with pytest.raises(ValueError, match="keeps tensors that are parameters, or views") as caught:
        generators.shared(space(REFUSED[path]))
    assert f"\n  {path}: " in str(caught.value)
    assert "encoder.weight" in str(caught.value)


def test_a_parameter_that_was_listed_before_it_was_registered_is_followed():
    class Early(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            gain = nn.Parameter(torch.ones(width))
            self.all = [gain]
            self.gain = gain

        def forward(self, x: Tensor) -> Tensor:
            return self.all[0] * x.sum()

    space = SearchSpace({"width": [2, 3]}, lambda a: Early(a["width"]), inputs=torch.ones(2))
    generator = generators.shared(space)
    generator.call({"width": 2}, torch.ones(2)).sum().backward()
    (bank,) = generator.parameters()
    assert_close(bank.grad[0], torch.tensor([2.0, 2.0, 0.0]))


def test_a_buffer_that_is_a_view_of_a_parameter_is_refused():
    def build(architecture):
        layer = nn.Linear(2, architecture["width"])
        layer.register_buffer("copied", layer.weight.data.view(-1))
        return layer

    with pytest.raises(ValueError, match="copied: shares memory with weight"):
        generators.shared(SearchSpace({"width": [2, 4]}, build))


def test_modules_that_are_not_registered_may_hold_a_parameter_too():
    def build(architecture):
        module = nn.Sequential(nn.Linear(3, architecture["width"]))
        other = nn.Linear(3, 1)
        other.weight = module[0].weight
        module.others = [other]
        return module

    generators.shared(SearchSpace({"width": [2, 4]}, build)).call({"width": 2}, torch.ones(1, 3))


def old_weight_norm(width: int) -> nn.Module:
    return nn.utils.weight_norm(nn.Linear(4, width))  # pyright: ignore[reportDeprecated]


NORMS = {
    "weight norm": lambda width: parametrizations.weight_norm(nn.Linear(4, width)),
    "orthogonal": lambda width: parametrizations.orthogonal(nn.Linear(4, width)),
    "old weight norm": old_weight_norm,
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
@pytest.mark.parametrize("norm", NORMS.values(), ids=list(NORMS))
@pytest.mark.parametrize("make", [generators.shared, generators.hypernas, generators.Standalone])
def test_reparametrized_modules_train_copy_and_export(norm, make):
    def build(architecture):
        return nn.Sequential(norm(architecture["width"]), nn.Linear(architecture["width"], 2))

    generator = make(SearchSpace({"width": [2, 3]}, build))
    inputs = torch.randn(5, 4)
    for _ in range(3):
        generator.call({"width": 2}, inputs).square().sum().backward()
        with torch.no_grad():
            for parameter in generator.parameters():
                if parameter.grad is not None:
                    parameter.sub_(parameter.grad, alpha=0.01)
                    parameter.grad = None
    generator.eval()
    expected = generator.call({"width": 2}, inputs)
    assert_close(copy.deepcopy(generator).call({"width": 2}, inputs), expected)
    plain = generator.export({"width": 2})
    assert_close(plain(inputs), expected)
    plain = generator.export({"width": 2})
    assert_close(copy.deepcopy(plain)(inputs), expected)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
def test_what_a_run_computes_of_the_weights_is_not_kept_after_it():
    generator = generators.shared(SearchSpace({"width": [2, 3]}, lambda a: old_weight_norm(2)))
    generator.call({"width": 2}, torch.ones(1, 4))
    module = generator.subnet({"width": 2}).target.module
    assert module.weight.grad_fn is None
    assert copy.deepcopy(module).weight.shape == (2, 4)
    exported = generator.export({"width": 2})
    norm = exported.weight_v.norm(dim=1, keepdim=True)
    assert_close(exported.weight, exported.weight_g * exported.weight_v / norm)
