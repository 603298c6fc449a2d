"""What a step of an optimizer does to the flagship, and what its last layer's scale has to do with it."""

import pytest
import torch
from example_spaces import EXAMPLES
from torch.testing import assert_close

from hypernas import SearchSpace
from hypernas.generators import Generator, hypernas

EVERY = (("mlp", True), ("conv", False))


def described(generator: Generator, *, steps: int, **options: object) -> dict[str, torch.Tensor]:
    """The weights of the largest subnet after some steps of Adam, from gates that are not zero."""
    space = generator.space
    groups = [{"params": list(generator.bank.parameters())}]
    groups += [{"params": list(generator.source.trunk.parameters())}]
    last = [p for n, p in generator.source.named_parameters() if n == "weight"]
    groups += [{"params": last, **options}]
    groups += [{"params": [p for n, p in generator.source.named_parameters() if n == "bias"]}]
    optimizer = torch.optim.Adam([g for g in groups if g["params"]], lr=0.01, eps=1e-30)
    rng = torch.Generator().manual_seed(0)
    for _ in range(steps):
        optimizer.zero_grad()
        sum(w.sin().sum() for w in generator(space.sample(rng)).values()).backward()
        optimizer.step()
    return {name: w.detach() for name, w in generator(space.largest()).items()}


@pytest.mark.parametrize(("name", "centre"), EVERY)
def test_under_adam_the_scale_of_the_last_layer_is_that_of_its_learning_rate(name, centre):
    space = EXAMPLES[name]().space
    kept = {"gate_scale": 1, "centre": centre}
    scaled = hypernas(space, coefficient_lr_scale=0.125, **kept).double()
    grouped = hypernas(space, coefficient_lr_scale=1.0, **kept).double()
    found = described(scaled, steps=12)
    assert_close(found, described(grouped, steps=12, lr=0.01 * 0.125), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("scale", [0.03, 3.0])
@pytest.mark.parametrize("gate", ["linear", "softmax", "sigmoid"])
def test_the_scale_changes_nothing_at_the_start(scale, gate):
    space = EXAMPLES["mlp"]().space
    scaled, plain = (
        hypernas(space, gate=gate, gate_scale=1, coefficient_lr_scale=s).double()
        for s in (scale, 1.0)
    )
    for architecture in (space.smallest(), space.largest()):
        assert_close(scaled(architecture), plain(architecture), rtol=1e-6, atol=1e-7)


def test_by_default_a_step_of_adam_moves_coefficients_about_as_far_as_weights():
    space = EXAMPLES["conv"]().space
    generator = hypernas(space)
    lr = 0.01
    optimizer = torch.optim.Adam(generator.parameters(), lr=lr)
    before = coefficients(generator)
    sum(w.sin().sum() for w in generator(space.largest()).values()).backward()
    optimizer.step()
    moved = (coefficients(generator) - before).abs()
    assert moved.max() < 3 * lr


def coefficients(generator: Generator) -> torch.Tensor:  # shape: (M,)
    own = generator.coefficients(generator.space.largest()).values()
    every = [part for c in own for part in (c.experts, c.gain_out, c.gain_in, c.offset)]
    return torch.cat([part.detach() for part in every if part is not None])


def test_groups_treat_the_hypernetwork_as_a_plain_optimizer_would_but_for_its_decay():
    generator = hypernas(EXAMPLES["mlp"]().space)
    assert {group.lr_scale for group in generator.parameter_groups()} == {1.0}
    groups = {group.name: group for group in generator.parameter_groups()}
    assert groups["coefficients"].parameters == list(generator.source.parameters())
    assert not groups["coefficients"].decay


@pytest.mark.parametrize("scale", [0.0, -0.1])
def test_a_scale_under_which_nothing_could_learn_is_refused(scale):
    with pytest.raises(ValueError, match=f"coefficient_lr_scale must be above 0, got {scale}"):
        hypernas(EXAMPLES["mlp"]().space, coefficient_lr_scale=scale)


def test_a_state_dict_of_before_the_scale_gives_the_weights_that_it_gave():
    space: SearchSpace = EXAMPLES["mlp"]().space
    unscaled = hypernas(space, gate_scale=1, coefficient_lr_scale=1.0)
    earlier = unscaled.state_dict()
    for told in earlier._metadata.values():
        told["version"] = 1
    scaled = hypernas(space, seed=1, coefficient_lr_scale=0.3)
    scaled.load_state_dict(earlier)
    assert_close(scaled(space.largest()), unscaled(space.largest()))
    again = hypernas(space, seed=2, coefficient_lr_scale=0.3)
    again.load_state_dict(scaled.state_dict())
    assert_close(again(space.largest()), scaled(space.largest()), rtol=0, atol=0)
