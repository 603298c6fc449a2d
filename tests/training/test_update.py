"""Fused steps move a generator as torch's optimizer does."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from example_spaces import EXAMPLES
from implementations import needs_compiler
from torch.testing import assert_close
from torch.utils.data import TensorDataset
from training_runs import blobs, fit, short, space

from hypernas import SearchSpace, generators
from hypernas.mixing import kernels
from hypernas.mixing.kernels import Choice
from hypernas.mixing.turn import Constants, Turn
from hypernas.sampling import Sandwich
from hypernas.training import Update
from hypernas.training.callbacks import Checkpoints
from hypernas.training.optimizer import Groups

# A small epsilon of AdamW makes as much of the roundings of gradients of zero as of any gradient.
OPTIMIZERS = {
    "adamw": partial(torch.optim.AdamW, lr=0.01, eps=1e-3, weight_decay=0.1),
    "fused adamw": partial(torch.optim.AdamW, lr=0.01, eps=1e-3, weight_decay=0.1, fused=True),
    "descent": partial(torch.optim.SGD, lr=0.05, weight_decay=0.1),
    "momentum": partial(torch.optim.SGD, lr=0.05, momentum=0.9, dampening=0.1, weight_decay=0.1),
    "nesterov": partial(torch.optim.SGD, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
}
GENERATORS = {
    "shared": generators.shared,
    "hypernas": partial(generators.hypernas, num_experts=3, experts="*", gains="*", offsets="*"),
    "mos_layer": partial(generators.mos_layer, dropout=0.0),
    "mos_neuron": partial(generators.mos_neuron, dropout=0.0, balance=0.1),
    "few_shot": generators.few_shot,
    "soft_sharing": generators.soft_sharing,
    "ssn": generators.ssn,
    "acdc": generators.acdc,
    "ofa": generators.ofa,
    "cafenet": generators.cafenet,
    "by_name": lambda space: generators.by_name(
        space, {"*weight": generators.hypernas}, rest=generators.shared
    ),
}


def moved(
    make,
    example,
    optimizer,
    device="cpu",
    *,
    fused: bool,
    num: int = 1,
    bound: float | None = 0.3,
    kind: torch.dtype = torch.float32,
):
    """Parameters, state and norms of a generator after four steps on some architectures each."""
    generator = make(example.space).to(device, kind).train()
    groups = Groups(generator, optimizer, alone=fused)
    assert groups.update.fused == fused
    inputs = example.inputs.to(device, kind if example.inputs.is_floating_point() else None)
    rng, norms = torch.Generator().manual_seed(3), []
    for _ in range(4):
        with groups.noting():
            sampled = [generator.space.sample(rng) for _ in range(num)]
            with generators.together(generator, sampled) as generated:
                for architecture, weights in zip(sampled, generated, strict=True):
                    found = generator.call(architecture, inputs, weights=weights)
                    (found - 1).square().mean().backward()
            extra = generators.auxiliary_loss(generator, [generator.subnet(a) for a in sampled])
            if extra is not None:
                extra.backward()
        norms.append(groups.step(bound))
    return generator, groups, norms


def check_alike(
    make, example, optimizer, device="cpu", *, rtol: float = 1e-4, atol: float = 1e-5, **options
) -> None:
    found = moved(make, example, optimizer, device, fused=True, **options)
    expected = moved(make, example, optimizer, device, fused=False, **options)
    tolerance = {"rtol": rtol, "atol": atol}
    assert_close(found[2], expected[2], rtol=rtol, atol=0)
    assert_close(found[0].state_dict(), expected[0].state_dict(), **tolerance)
    assert_close(found[1].memory(), expected[1].memory(), **tolerance)


@pytest.mark.parametrize("name", GENERATORS)
@needs_compiler
def test_a_fused_step_is_that_of_torch_for_every_generator(name):
    check_alike(GENERATORS[name], EXAMPLES["conv"](), OPTIMIZERS["adamw"])


@pytest.mark.parametrize("example", EXAMPLES)
@needs_compiler
def test_a_fused_step_is_that_of_torch_for_every_slice(example):
    for name in ("hypernas", "shared"):
        check_alike(GENERATORS[name], EXAMPLES[example](), OPTIMIZERS["nesterov"], num=2)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("bound", [None, 0.01])
@needs_compiler
def test_a_fused_step_is_that_of_torch_for_every_optimizer(optimizer, bound):
    check_alike(
        GENERATORS["hypernas"], EXAMPLES["mlp"](), OPTIMIZERS[optimizer], num=3, bound=bound
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_implementation_moves_banks_as_torch_does(optimizer, implementation):
    # few and small, as it takes Triton's interpreter long
    layer = SearchSpace({"width": [2, 5]}, lambda a: torch.nn.Linear(3, a["width"], bias=False))
    example = SimpleNamespace(space=layer, inputs=torch.randn(4, 3))
    check_alike(GENERATORS["hypernas"], example, OPTIMIZERS[optimizer], implementation, num=2)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_half_numbers_move_as_torch_moves_single_ones_and_their_moments_are_single(
    optimizer, implementation
):
    layer = SearchSpace({"width": [2, 5]}, lambda a: torch.nn.Linear(3, a["width"], bias=False))
    example = SimpleNamespace(space=layer, inputs=torch.randn(4, 3))
    options = {"num": 2, "kind": torch.bfloat16, "rtol": 0.03, "atol": 0.003}
    check_alike(GENERATORS["hypernas"], example, OPTIMIZERS[optimizer], implementation, **options)
    _, groups, _ = moved(
        GENERATORS["shared"],
        example,
        OPTIMIZERS[optimizer],
        implementation,
        fused=True,
        kind=torch.bfloat16,
    )
    moments = [v for kept in groups.memory().values() for v in kept.values()]
    assert {moment.dtype for moment in moments} <= {torch.float32}


@pytest.mark.parametrize("alone", [True, False])
@needs_compiler
def test_moments_of_half_numbers_are_loaded_to_the_last_bit(alone):
    example = EXAMPLES["mlp"]()

    def begun():
        generator = GENERATORS["hypernas"](example.space).bfloat16()
        return generator, Groups(generator, OPTIMIZERS["adamw"], alone=alone)

    def step(generator, groups):
        with groups.noting():
            inputs = example.inputs.bfloat16()
            generator.call(example.space.largest(), inputs).square().mean().backward()
        groups.step(0.1)

    (whole, stepped), (resumed, fresh) = begun(), begun()
    step(whole, stepped)
    resumed.load_state_dict(whole.state_dict())
    fresh.remember(stepped.memory())
    step(whole, stepped)
    step(resumed, fresh)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)
    assert_close(fresh.memory(), stepped.memory(), rtol=0, atol=0)


def test_a_count_of_steps_on_a_device_corrects_for_bias_as_one_that_is_known(implementation):
    start, state = torch.randn(2, 5, 40), [torch.rand(2, 5, 40) for _ in range(2)]
    numbers = {"decay": 0.99, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    known = Constants(rate=0.1 / (1 - 0.9**3), root=(1 - 0.999**3) ** -0.5, **numbers)
    counted = Constants(rate=0.1, root=1.0, count=torch.tensor(3.0).to(implementation), **numbers)
    if kernels.choice(implementation.type).words == kernels.COMPILED:
        return  # on a CPU it is known
    found = []
    for constants in (known, counted):
        bank, *moments = (tensor.clone().to(implementation) for tensor in (start, *state))
        kernels.update([Turn(bank, 0, b"", (), tuple(moments), constants)], torch.ones(()))
        found.append((bank, moments))
    assert_close(*found)


@needs_compiler
def test_a_frozen_source_stays_as_it_is():
    example = EXAMPLES["mlp"]()

    def make(space):
        generator = GENERATORS["hypernas"](space)
        generator.source.requires_grad_(False)
        return generator

    check_alike(make, example, OPTIMIZERS["momentum"])


@needs_compiler
def test_banks_whose_gradient_something_looks_at_have_one():
    seen = []

    def make(space):
        generator = GENERATORS["hypernas"](space)
        first, *_ = generator.bank.parameters()
        first.register_hook(lambda gradient: seen.append(gradient.norm()))
        return generator

    check_alike(make, EXAMPLES["mlp"](), OPTIMIZERS["adamw"])
    assert len(seen) == 8
    assert_close(seen[:4], seen[4:], rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [
        (torch.optim.Adam, "Adam is neither AdamW nor SGD"),
        (partial(torch.optim.AdamW, amsgrad=True), "the optimizer's amsgrad"),
        (partial(torch.optim.SGD, lr=torch.tensor(0.1)), "the optimizer's lr"),
    ],
)
@needs_compiler
def test_other_optimizers_take_steps_of_their_own(optimizer, reason):
    parameter = torch.nn.Parameter(torch.zeros(2))
    assert Update(optimizer([parameter])).path == f"torch: {reason}"


@pytest.mark.parametrize("name", ["hypernas", "mos_neuron"])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@needs_compiler
def test_a_resumed_run_of_fused_steps_is_one_that_never_stopped(tmp_path, name, kind):
    training, data = short(6, accumulate=2), blobs()
    parts = [
        TensorDataset(part[:][0].to(kind), part[:][1]) for part in (data.train, data.validation)
    ]
    data = replace(data, train=parts[0], validation=parts[1])
    whole, resumed = (getattr(generators, name)(space()).to(kind) for _ in range(2))
    fit(whole, training, data=data, callbacks=[Checkpoints(tmp_path, every=4)])
    (tmp_path / "00000006").rename(tmp_path / "late")
    fit(resumed, training, data=data, callbacks=[], resume=tmp_path)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


@needs_compiler
def test_a_run_goes_on_with_steps_of_torch_where_fused_ones_stopped(tmp_path, monkeypatch):
    whole, resumed = (generators.hypernas(space()) for _ in range(2))
    steep = partial(torch.optim.AdamW, lr=0.01, eps=1e-3)
    options = {"sampler": Sandwich(num_random=0), "optimizer": steep}
    fit(whole, short(6), callbacks=[Checkpoints(tmp_path, every=4)], **options)
    (tmp_path / "00000006").rename(tmp_path / "late")
    monkeypatch.setitem(kernels.CHOICES, "cpu", lambda: Choice(None, "none"))
    fit(resumed, short(6), callbacks=[], resume=tmp_path, **options)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=1e-3, atol=1e-4)


@needs_compiler
def test_results_do_not_depend_on_the_number_of_threads():
    found = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            wide = SearchSpace({"width": [256]}, lambda a: torch.nn.Linear(300, 4 * a["width"]))
            generator = GENERATORS["hypernas"](wide)
            groups = Groups(generator, OPTIMIZERS["adamw"])
            with groups.noting():
                weights = generator(wide.largest())
                rng = torch.Generator().manual_seed(0)
                for name in sorted(weights):
                    drawn = torch.randn(weights[name].shape, generator=rng)
                    weights[name].backward(drawn, retain_graph=True)
            groups.update.step(0.1)
        finally:
            torch.set_num_threads(1)
        found.append([p.detach() for p in generator.bank.parameters()])
    assert_close(*found, rtol=0, atol=0)


@needs_compiler
def test_denormal_moments_become_zero():
    generator = generators.shared(space("layer"))
    groups = Groups(generator, OPTIMIZERS["adamw"])
    for _ in range(2):
        with groups.noting():
            sum(w.sum() for w in generator(generator.space.smallest()).values()).backward()
        groups.step(None)
        for state in groups.optimizer.state.values():
            state["exp_avg"].fill_(1e-39)
    with groups.noting():
        sum(w.sum() for w in generator(generator.space.smallest()).values()).backward()
    groups.step(None)
    moments = torch.cat([s["exp_avg"].flatten() for s in groups.optimizer.state.values()])
    assert ((moments == 0) | (moments.abs() > 1e-38)).all()
