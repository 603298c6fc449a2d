"""Schedules, against those of torch where it has them."""

from itertools import pairwise

import pytest
import torch
from torch.optim import lr_scheduler
from torch.testing import assert_close

from hypernas.schedules import Constant, Cosine, Exponential, OneCycle, Phases


def of(schedule, steps=100):
    return [schedule(step, steps) for step in range(1, steps + 1)]


def of_torch(make, num):
    """The learning rates of `num` steps, beginning with the one before the first update."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    found = []
    for _ in range(num):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("final", [0.0, 0.2])
def test_a_cosine_is_that_of_torch_one_step_longer(final):
    expected = of_torch(lambda o: lr_scheduler.CosineAnnealingLR(o, 101, eta_min=final), 101)
    assert_close(of(Cosine(warmup=0, final=final)), expected[1:])


def test_an_exponential_is_that_of_torch_down_to_its_floor():
    expected = of_torch(lambda o: lr_scheduler.ExponentialLR(o, 0.5**0.1), 101)[1:]
    found = of(Exponential(warmup=0, half_life=0.1, floor=0.01))
    assert_close(found, [max(value, 0.01) for value in expected])
    assert found[9] == pytest.approx(0.5)
    assert found[-1] == 0.01


@pytest.mark.parametrize(("rise", "initial", "final"), [(0.3, 0.04, 4e-6), (0.1, 0.1, 0.001)])
def test_one_cycle_is_that_of_torch(rise, initial, final):
    def make(optimizer):
        return lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=1.0,
            total_steps=100,
            pct_start=rise,
            div_factor=1 / initial,
            final_div_factor=initial / final,
            cycle_momentum=False,
        )

    # torch warns of a step after the last
    found = of_torch(make, 99)
    assert_close(of(OneCycle(rise=rise, initial=initial, final=final))[:99], found)


@pytest.mark.parametrize("schedule", [Constant, Cosine, Exponential])
def test_a_warmup_is_linear_up_to_the_peak(schedule):
    factors = of(schedule(warmup=0.1))
    assert_close(factors[:10], [0.1 * i for i in range(1, 11)])
    assert all(before >= after for before, after in pairwise(factors[9:]))


def test_the_cosine_after_a_warmup_ends_just_above_its_final_factor():
    factors = of(Cosine(warmup=0.1, final=0.2))
    assert all(before > after for before, after in pairwise(factors[9:]))
    assert 0.2 < factors[-1] < 0.202


def test_a_constant_is_the_peak():
    assert of(Constant()) == [1.0] * 100


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize(
    "schedule", [Constant(), Cosine(), Cosine(warmup=1.0), Exponential(), OneCycle()]
)
def test_runs_of_few_steps_have_factors_of_a_share(schedule, steps):
    assert all(0 < factor <= 1 for factor in of(schedule, steps))


def test_shares_out_of_range_are_refused_all_at_once():
    with pytest.raises(ValueError, match=r"(?s)OneCycle cannot.*rise: .*got 2.*final: .*got -1"):
        OneCycle(rise=2, final=-1)
    with pytest.raises(ValueError, match="warmup: expected a number from 0 to 1"):
        Cosine(warmup=True)
    with pytest.raises(ValueError, match="half_life: expected a share above 0"):
        Exponential(half_life=0)


def test_the_decay_of_bignas_ends_in_a_tail_of_a_twentieth():
    schedule = Exponential(warmup=0.014, half_life=0.154, floor=0.05)
    rates = [schedule(step, 3600) for step in range(1, 3601)]
    epochs = (rates[749] / rates[725]) ** (1 / 2.4), rates[-1]  # ten steps an epoch
    assert epochs == pytest.approx((0.97 ** (1 / 2.4), 0.05), rel=1e-3)
    assert [r for r in rates[51:] if r < 0.05] == []
    assert rates[-1] == rates[-900] == 0.05


def test_each_phase_has_a_cosine_of_its_own():
    phases = [{"share": 3, "warmup": 0.5}, {"share": 1, "peak": 0.25}]
    found = of(Phases(phases=phases), 40)
    assert found[:30] == of(Cosine(warmup=0.5), 30)
    assert found[30:] == [0.25 * factor for factor in of(Cosine(warmup=0.0), 10)]


@pytest.mark.parametrize("wrong", [[], [{"share": 0}], [{"share": 1, "peak": 0}]])
def test_phases_of_no_length_are_refused(wrong):
    with pytest.raises(ValueError, match="one or more with a share and a peak above 0"):
        Phases(phases=wrong)
