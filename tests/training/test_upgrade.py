"""Checkpoints of earlier formats."""

from functools import partial

import pytest
import torch
from torch.testing import assert_close
from training_runs import ADAMW, fit, say_format, short, space

from hypernas import generators
from hypernas.generators import Generator
from hypernas.training import checkpoint
from hypernas.training.callbacks import Average, Checkpoints
from hypernas.training.callbacks.average import load_average
from hypernas.training.checkpoint import CheckpointError
from hypernas.training.optimizer import Groups

pytestmark = pytest.mark.filterwarnings("ignore:.*without checksums")

unscaled = partial(generators.hypernas, coefficient_lr_scale=1.0)  # stored as format 2 did
scaled = partial(generators.hypernas, coefficient_lr_scale=0.25, seed=1)


def saved_in_format_2(folder, make=unscaled) -> Generator:
    """A trained generator whose newest checkpoint, in a folder, says it is of format 2."""
    generator = make(space())
    fit(generator, short(3), callbacks=[Checkpoints(folder), Average(decay=0.5)])
    say_format(checkpoint.newest(folder), 2)
    return generator.eval()


def test_the_weights_of_a_checkpoint_of_format_2_are_what_they_were(tmp_path):
    before, now = saved_in_format_2(tmp_path), scaled(space()).eval()
    checkpoint.load(checkpoint.newest(tmp_path), generator=now)
    for architecture in (now.space.smallest(), now.space.largest()):
        assert_close(now(architecture), before(architecture))


def test_the_average_in_a_checkpoint_of_format_2_is_what_it_was(tmp_path):
    before, now = saved_in_format_2(tmp_path), scaled(space()).eval()
    at_end = before(before.space.largest())
    load_average(tmp_path, now)
    say_format(checkpoint.newest(tmp_path), 3)
    load_average(tmp_path, before)
    assert_close(now(now.space.largest()), before(before.space.largest()))
    assert not torch.equal(at_end["head.bias"], before(before.space.largest())["head.bias"])


def test_training_at_other_rates_than_a_checkpoint_of_format_2_is_refused(tmp_path):
    saved_in_format_2(tmp_path)
    with pytest.raises(CheckpointError, match=r"\['source.weight'\] learned at another rate"):
        fit(scaled(space()), short(6), resume=tmp_path)


@pytest.mark.parametrize("make", [generators.shared, generators.mos_layer, unscaled])
def test_training_goes_on_from_format_2_where_nothing_was_scaled(make, tmp_path):
    saved_in_format_2(tmp_path, make)
    generator = make(space())
    state = checkpoint.load(checkpoint.newest(tmp_path), generator=generator)
    groups = Groups(generator, ADAMW)
    state.restore_optimizer(groups.optimizer)
    assert groups.optimizer.state
