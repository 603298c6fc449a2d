"""Noise as a condition, and several conditions as one."""

import pytest
import torch
from torch.testing import assert_close
from training_runs import Recorder, fit, short, space

from hypernas import generators
from hypernas.conditions import BatchStatistics, Concatenation, InputColumn, Noise, drawn
from hypernas.training.callbacks import Checkpoints
from hypernas.training.conditioned import ConditionedSubnet


class Seen(Noise):
    """Noise that keeps what training drew."""

    def __init__(self):
        super().__init__(dim=3)
        self.values = []

    def draw(self, inputs, rng):
        self.values.append(super().draw(inputs, rng))
        return self.values[-1]


def trained(steps: int, **options) -> tuple[generators.Generator, Seen]:
    generator, noise = generators.mos_layer(space(), condition_dim=3), Seen()
    fit(generator, short(steps), callbacks=options.pop("callbacks", []), condition=noise, **options)
    return generator, noise


def test_every_batch_of_training_has_another_draw_and_the_same_seed_the_same_ones():
    first, noise = trained(3)
    again, other = trained(3)
    assert_close(torch.stack(noise.values), torch.stack(other.values), rtol=0, atol=0)
    assert_close(again.state_dict(), first.state_dict(), rtol=0, atol=0)
    assert len(noise.values) == len({tuple(value.tolist()) for value in noise.values}) == 3
    assert noise.values[0].unique().numel() == 3


def test_a_run_that_is_gone_on_with_draws_what_it_would_have_drawn(tmp_path):
    noise = trained(4)[1]
    trained(2, callbacks=[Checkpoints(tmp_path)], seed=0)
    generator = generators.mos_layer(space(), condition_dim=3)
    resumed = Seen()
    fit(generator, short(4), callbacks=[], condition=resumed, resume=tmp_path)
    assert_close(resumed.values, noise.values[2:], rtol=0, atol=0)


def test_evaluation_is_at_the_mean_or_at_the_draw_that_is_asked_for():
    generator = generators.hypernas(space("none"), condition_dim=5, gate_scale=1.0)
    largest, inputs = generator.space.largest(), torch.randn(4, 2)
    draws = Noise(dim=5, seed=3).draws(4)
    for noise, value in (
        (Noise(dim=5, mean=0.3), torch.full((5,), 0.3)),
        (Noise(dim=5, seed=3, draw=2), draws[2]),
    ):
        found = ConditionedSubnet(generator.eval(), largest, noise)(inputs)
        assert_close(found, generator.call(generator.subnet(largest, value), inputs))


def test_draws_are_those_of_the_seed_normal_and_the_same_however_many_are_asked_for():
    noise = Noise(dim=40, mean=1.0, deviation=2.0, seed=7)
    draws = noise.draws(400)
    assert_close(noise.draws(3), draws[:3], rtol=0, atol=0)
    assert_close(draws.mean().item(), 1.0, rtol=0, atol=0.1)
    assert_close(draws.std().item(), 2.0, rtol=0.05, atol=0)
    assert not torch.equal(Noise(dim=40, seed=8).draws(1), draws[:1])


def test_noise_that_cannot_be_drawn_is_refused_with_all_that_is_wrong():
    with pytest.raises(ValueError, match=r"(?s)dim: .*got 0.*above 0, got 0.5 and 0.0.*got -1"):
        Noise(dim=0, deviation=0.0, draw=-1)


def test_conditions_stand_side_by_side_each_reading_what_those_before_leave():
    inputs = (torch.rand(4, 3, 5), torch.rand(4, 2), torch.rand(4, 1))
    both = Concatenation([InputColumn(kind="task"), BatchStatistics(), InputColumn()])
    expected = [inputs[2].mean(0), BatchStatistics()(inputs[:1]), inputs[1].mean(0)]
    assert_close(both(inputs), torch.cat(expected))
    (rest,) = both.rest(inputs)
    assert rest is inputs[0]
    assert both.kinds == ("task", "data")


def test_noise_within_others_is_drawn_in_training():
    inputs, rng = torch.rand(4, 3, 5), torch.Generator().manual_seed(0)
    both = Concatenation([BatchStatistics(), Noise(dim=2)])
    first, second = (drawn(both, inputs, rng) for _ in range(2))
    assert_close(first[:6], both(inputs)[:6])
    assert_close(both(inputs)[6:], torch.full((2,), 0.5))
    assert (first[6:] != second[6:]).all()
    assert both.kinds == ("data", "noise")


def test_no_conditions_and_kinds_that_there_are_not_are_refused():
    with pytest.raises(ValueError, match="give one or more"):
        Concatenation([])
    with pytest.raises((ValueError, TypeError), match="kind"):
        InputColumn(kind="weather")


def test_validation_of_a_run_with_noise_is_at_the_mean():
    generator, recorder = generators.mos_layer(space("none"), condition_dim=3), Recorder()
    noise = Seen()
    fit(generator, short(2), callbacks=[recorder], condition=noise)
    assert len(noise.values) == 2  # of the steps alone
