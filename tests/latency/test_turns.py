"""Subnets take turns, for as many rounds as are needed to tell them apart."""

import numpy as np
import pytest

from hypernas.latency.turns import Rounds, Timing, measure

SECONDS = 0.001


class Simulated:
    """A clock that runs of known duration push on."""

    def __init__(self, seed: int = 0) -> None:
        self.now, self.ran = 0.0, []
        self.rng = np.random.default_rng(seed)

    def __call__(self) -> float:
        return self.now

    def run(self, name: str, ms: float, noise: float = 0.0):
        def run() -> None:
            self.ran.append(name)
            self.now += SECONDS * ms * (1 + noise * self.rng.exponential())

        return run


def test_medians_are_those_of_the_runs_in_ms():
    clock = Simulated()
    found = measure({"a": clock.run("a", 2), "b": clock.run("b", 5)}, Rounds(), clock=clock)
    assert found["a"].median == pytest.approx(2)
    assert found["b"].median == pytest.approx(5)
    assert found["a"].rounds == Rounds().least


def test_rounds_go_forth_and_back_through_all():
    clock = Simulated()
    runs = {name: clock.run(name, 1) for name in "abc"}
    measure(runs, Rounds(warmup=0, least=2, most=2, repeats=1), clock=clock)
    assert "".join(clock.ran) == "ccbbaa" + "aabbcc"


def test_drift_falls_on_all_alike():
    clock = Simulated()

    def slowing(name, ms):
        run = clock.run(name, ms)
        return lambda: (run(), setattr(clock, "now", clock.now + SECONDS * ms * clock.now))

    found = measure({"a": slowing("a", 2), "b": slowing("b", 3)}, Rounds(least=50), clock=clock)
    assert found["b"].median / found["a"].median == pytest.approx(1.5, rel=0.01)


def test_noise_is_met_with_more_rounds():
    clock = Simulated()
    plan = Rounds(most=1000)
    quiet = measure({"a": clock.run("a", 1, 0.01)}, plan, clock=clock)["a"]
    noisy = measure({"a": clock.run("a", 1, 0.3)}, plan, clock=clock)["a"]
    assert quiet.rounds == plan.least < noisy.rounds < 1000
    assert noisy.width <= plan.width


def test_subnets_that_are_far_apart_need_fewer_rounds_than_near_ones():
    rounds = {}
    for other in (1.02, 3.0):
        clock = Simulated()
        runs = {"a": clock.run("a", 1, 0.3), "b": clock.run("b", other, 0.3)}
        rounds[other] = measure(runs, Rounds(most=1000), clock=clock)["a"].rounds
    assert rounds[3.0] < rounds[1.02] < 1000


def test_limits_end_measuring_in_any_case():
    clock = Simulated()
    endless = {"a": clock.run("a", 1, 5.0)}
    assert measure(endless, Rounds(most=9), clock=clock)["a"].rounds == 9
    late = measure(endless, Rounds(most=10**6, seconds=0.5), clock=clock)["a"]
    assert late.rounds < 500


def test_intervals_of_medians_cover_them_as_often_as_they_say():
    rng = np.random.default_rng(0)
    for num in (7, 20, 60):
        found = [Timing.of(rng.exponential(size=num)) for _ in range(1000)]
        covered = np.mean([t.low <= np.log(2) <= t.high for t in found])
        assert 0.93 <= covered <= 0.995
