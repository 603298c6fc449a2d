"""Samplers that change while training goes on, and one that is fair to every value."""

from collections import Counter

import pytest
import torch
from torch.testing import assert_close
from training_runs import fit, short, space

from hypernas import Choice, SearchSpace, generators
from hypernas.events import Begun
from hypernas.sampling import Delayed, Fixed, Phase, Progressive, Sandwich, StrictFairness
from hypernas.training.callbacks import Checkpoints

SPACE = SearchSpace(
    {
        "depth": [1, 2, 3],
        "kernel_0": [3, 5],
        "kernel_1": Choice([3, 5, 7], when={"depth": [2, 3]}),
        "op": ["a", "b", "c"],
        "width": [8, 16, 24, 32],
    },
    build=lambda architecture: torch.nn.Linear(1, 1),
)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(sampler, *, at, of, num=60):
    """Architectures of one step, over and over."""
    sampler.see(Begun(at - 1, of))
    random = rng()
    return [architecture for _ in range(num) for architecture in sampler(SPACE, random)]


def values_of(architectures, name):
    return {architecture[name] for architecture in architectures if name in architecture}


# --- fairness --------------------------------------------------------------------------------


def test_every_value_is_trained_equally_often_or_once_more():
    random = rng()
    for _ in range(20):
        step = StrictFairness()(SPACE, random)
        assert len(step) == 4  # as many as widths
        for name in ("depth", "kernel_0", "op", "width"):
            counts = Counter(architecture[name] for architecture in step)
            assert set(counts.values()) <= {4 // len(SPACE.choices[name].values), 2}
            assert max(counts.values()) - min(counts.values()) <= 1


def test_where_choices_have_as_many_values_each_is_trained_once():
    even = SearchSpace({"a": [1, 2, 3], "b": [4, 5, 6]}, build=lambda a: torch.nn.Linear(1, 1))
    step = StrictFairness()(even, rng())
    assert sorted(a["a"] for a in step) == [1, 2, 3]
    assert sorted(a["b"] for a in step) == [4, 5, 6]
    every = {tuple(a.values()) for i in range(200) for a in StrictFairness()(even, rng(i))}
    assert len(every) == 9


# --- delay -----------------------------------------------------------------------------------


def test_epsilon_rises_to_one_at_the_last_step_of_the_ramp():
    sampler = Delayed(delay=0.75, ramp=0.5)
    found = []
    for step in range(1, 201):
        sampler.see(Begun(step - 1, 200))
        found.append(sampler.epsilon)
    assert found[:50] == [0] * 50
    assert found[50:150] == pytest.approx([i / 100 for i in range(1, 101)])
    assert found[149:] == [1.0] * 51


def test_before_the_ramp_the_largest_is_trained_alone_and_then_sandwiches():
    sampler = Delayed(delay=0.5, ramp=0.1, num_random=1)
    assert set(drawn(sampler, at=4, of=10)) == {SPACE.largest()}
    step = drawn(sampler, at=9, of=10, num=1)
    assert (len(step), step[0], step[-1]) == (3, SPACE.largest(), SPACE.smallest())
    assert sampler.weights(step) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("delayed", "same"),
    [
        (Delayed(most=0.0), Fixed(architectures=["largest"])),
        (Delayed(delay=1.0, ramp=0.0), Fixed(architectures=["largest"])),
        (Delayed(delay=0.0, ramp=0.0), Sandwich()),
    ],
)
def test_without_epsilon_it_is_the_largest_alone_and_without_delay_the_sandwich(delayed, same):
    found = []
    for sampler in (delayed, same):
        generator = generators.hypernas(space("batch"), seed=2)
        fit(generator, short(6, combine="sum"), sampler=sampler, callbacks=[])
        found.append(generator.state_dict())
    assert_close(found[0], found[1], rtol=0, atol=0)


# --- progressive shrinking -------------------------------------------------------------------


def test_the_usual_phases_open_kernels_then_depths_then_the_rest():
    sampler = Progressive()
    assert set(drawn(sampler, at=30, of=100)) == {SPACE.largest()}
    kernels = drawn(sampler, at=31, of=100)
    assert values_of(kernels, "kernel_1") == {3, 5, 7}
    assert values_of(kernels, "depth") == {3}
    depths = drawn(sampler, at=70, of=100)
    assert values_of(depths, "depth") == {1, 2, 3}
    assert (values_of(depths, "width"), values_of(depths, "op")) == ({32}, {SPACE.largest()["op"]})
    assert len(set(drawn(sampler, at=100, of=100, num=3000))) > 0.9 * SPACE.size


def test_smaller_values_join_larger_ones_one_by_one():
    phases = [Phase(share=1), {"share": 1, "opened": {"width": 2}, "num": 3}]
    phases += [Phase(share=2, opened={"width": None, "kernel*": 2})]
    sampler = Progressive(phases=phases)
    assert values_of(drawn(sampler, at=10, of=40), "width") == {32}
    second = drawn(sampler, at=20, of=40, num=20)
    assert len(second) == 60
    assert values_of(second, "width") == {24, 32}
    last = drawn(sampler, at=21, of=40)
    assert values_of(last, "width") == {8, 16, 24, 32}
    assert values_of(last, "kernel_1") == {5, 7}
    assert values_of(last, "depth") == {3}


def test_a_pattern_that_matches_no_choice_is_refused():
    with pytest.raises(ValueError, match=r"\['kernels'\] match none of the choices"):
        drawn(Progressive(phases=[Phase(share=1, opened={"kernels": None})]), at=1, of=2)


@pytest.mark.parametrize(
    "wrong", [{"share": 0}, {"share": 1, "num": 0}, {"share": 1, "opened": {"depth": 0}}]
)
def test_phases_that_take_no_time_or_open_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="a phase needs a positive share"):
        Progressive(phases=[wrong])
    with pytest.raises(ValueError, match="one or more"):
        Progressive(phases=[])


@pytest.mark.parametrize("sampler", [Delayed(), Progressive()])
def test_outside_of_training_a_timed_sampler_says_what_it_needs(sampler):
    with pytest.raises(RuntimeError, match="Begun"):
        sampler(SPACE, rng())


@pytest.mark.parametrize(
    "make", [lambda: Delayed(delay=0.5, ramp=0.5), Progressive, StrictFairness]
)
def test_training_that_is_resumed_takes_the_steps_of_one_that_never_stopped(make, tmp_path):
    whole, resumed = (generators.shared(space("layer")) for _ in range(2))
    training = short(10)
    saves = Checkpoints(tmp_path, every=5)
    fit(whole, training, sampler=make(), callbacks=[saves])
    (tmp_path / "00000010").rename(tmp_path / "late")
    fit(resumed, training, sampler=make(), callbacks=[], resume=tmp_path)
    assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)
