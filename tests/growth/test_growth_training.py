"""What an optimizer kept of the members goes on in the grown network."""

import math
from functools import partial

import pytest
import torch
from torch.testing import assert_close

from hypernas.data import digits
from hypernas.growth import Recombine, grow
from hypernas.objectives import CrossEntropy
from hypernas.sampling import Fixed
from hypernas.spaces import mlp
from hypernas.training import Strategy, Task, Training, memory_of
from hypernas.training.callbacks import Checkpoints, Validation
from hypernas.training.optimizer import Groups

DATA = digits()
SPACE = mlp(input_shape=(1, 8, 8), num_classes=10, depths=[1], widths=[8, 16])
ADAMW = partial(torch.optim.AdamW, lr=0.01)
METHOD = Recombine()


def train(generator, folder, *, steps=4, optimizer=ADAMW, memory=None, resume=False):
    saves = [] if folder is None else [Checkpoints(folder, every=2)]
    return Training(steps=steps, batch_size=32).run(
        generator,
        Task(DATA, CrossEntropy()),
        Strategy(sampler=Fixed(), optimizer=optimizer, memory=memory),
        callbacks=[Validation(num_subnets=0), *saves],
        resume=folder if resume else None,
        device="cpu",
    )


@pytest.fixture
def trained(tmp_path):
    members = [METHOD.member(SPACE, "smallest", seed=seed) for seed in (0, 1)]
    for m, generator in enumerate(members):
        train(generator, tmp_path / f"member_{m}")
    memories = [memory_of(tmp_path / f"member_{m}", g, ADAMW) for m, g in enumerate(members)]
    return members, METHOD.inherit(memories)


def test_what_existed_is_remembered_and_what_is_new_starts_afresh(trained):
    members, memory = trained
    grown = METHOD.grow(members, SPACE, to="largest", seed=0)
    groups = Groups(grown, ADAMW)
    groups.remember(memory)
    named = dict(grown.named_parameters())
    new = {name for name in named if name.startswith(("source.new", "bank.fresh"))}
    assert set(memory) == set(named) - new
    assert {name for name, p in named.items() if p in groups.optimizer.state} == set(memory)
    assert_close(groups.memory(), dict(memory))
    assert all(kept["step"] == 4 for kept in memory.values())


def test_a_first_step_moves_what_existed_by_its_momentum(trained, tmp_path):
    members, memory = trained
    sgd = partial(torch.optim.SGD, lr=0.1)
    weights = []
    for known in (None, memory):
        grown = METHOD.grow(members, SPACE, to="largest", seed=0)
        train(grown, None, steps=1, memory=known)
        weights.append(grown(grown.space.largest())["layers.0.0.weight"].detach())
    assert not torch.allclose(*weights, atol=1e-4)
    with pytest.raises(ValueError, match="fits no parameter"):
        train(members[0], None, steps=1, memory=memory, optimizer=sgd)


def test_a_resumed_fine_tuning_takes_the_same_steps_as_one_that_never_stopped(trained, tmp_path):
    members, memory = trained
    ends = []
    for stops in (False, True):
        grown = METHOD.grow(members, SPACE, to="largest", seed=0)
        folder = tmp_path / f"grown_{stops}"
        if stops:
            train(grown, folder, steps=6, memory=memory)
            newest = sorted(folder.iterdir())[-1]
            for file in newest.iterdir():
                file.unlink()
            newest.rmdir()  # as if it had been killed after step 4
            grown = METHOD.grow(members, SPACE, to="largest", seed=7)
        train(grown, folder, steps=6, memory=memory, resume=stops)
        ends.append(grown.state_dict())
    assert_close(ends[0], ends[1], rtol=0, atol=0)


def test_what_is_inherited_can_be_held_while_coefficients_learn(trained):
    members, _ = trained
    grown = grow(members, SPACE, inherited_lr_scale=0.0)
    before = {name: p.detach().clone() for name, p in grown.named_parameters()}
    final = train(grown, None)
    moved = {name for name, p in grown.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {name for name in before if name.startswith("source.")}
    assert math.isfinite(final["cross_entropy"])


def test_a_grown_network_learns(trained):
    members, memory = trained
    grown = METHOD.grow(members, SPACE, to="largest", seed=0)
    assert train(grown, None, steps=60, memory=memory)["accuracy"] > 0.7
