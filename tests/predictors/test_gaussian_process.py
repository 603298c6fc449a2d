"""Gaussian processes over architectures."""

import numpy as np
import pytest
from torch import nn

from hypernas import Choice, SearchSpace
from hypernas.predictors import Best, Ridge
from hypernas.predictors.gaussian_process import GaussianProcess


def space() -> SearchSpace:
    choices = {
        "depth": Choice([1, 2]),
        "act": Choice(["relu", "gelu", "silu"]),
        "width": Choice([4, 8, 16, 32]),
        "kernel": Choice([3, 5, 7], when={"depth": [2]}),
        "fixed": Choice([1]),
    }
    return SearchSpace(choices, lambda _: nn.Linear(1, 1))


def value(a) -> float:
    return a["depth"] * a["width"] ** 0.5 + 0.3 * a.get("kernel", 0) + 2.0 * (a["act"] == "gelu")


def halves():
    every = list(space().enumerate())
    order = np.random.default_rng(0).permutation(len(every))
    return [every[i] for i in order[:28]], [every[i] for i in order[28:]]


def test_a_smooth_function_is_predicted_far_better_than_by_its_mean():
    known, others = halves()
    process = GaussianProcess(space())
    process.fit(known, [value(a) for a in known])
    errors = np.array(process.predict(others)) - [value(a) for a in others]
    assert np.abs(errors).mean() < 0.1 * np.std([value(a) for a in others])


def test_predictions_do_not_depend_on_units_and_deviations_have_them():
    known, others = halves()
    plain, scaled = GaussianProcess(space()), GaussianProcess(space())
    plain.fit(known, [value(a) for a in known])
    scaled.fit(known, [1000 * value(a) - 7 for a in known])
    expected = 1000 * np.array(plain.predict(others)) - 7
    np.testing.assert_allclose(scaled.predict(others), expected, rtol=1e-6)
    expected = 1000 * np.array(plain.deviations(others))
    np.testing.assert_allclose(scaled.deviations(others), expected, rtol=1e-5)


def test_distances_where_a_choice_is_absent_are_those_the_class_tells():
    choices = {
        "depth": Choice([1, 2]),
        "kernel": Choice([3, 5, 7], when={"depth": [2]}),
        "act": Choice(["relu", "gelu"], when={"depth": [2]}),
    }
    own = SearchSpace(choices, lambda _: nn.Linear(1, 1))
    without = own.architecture({"depth": 1})
    some = [own.architecture({"depth": 2, "kernel": k, "act": "relu"}) for k in (3, 5, 7)]
    _, kernel, act = GaussianProcess(own)._distances([without], [*some, without])
    np.testing.assert_allclose(kernel, [[1.25, 1, 1.25, 0]])
    np.testing.assert_allclose(act, [[1.5, 1.5, 1.5, 0]])


def test_deviations_are_small_where_values_are_known():
    known, others = halves()
    process = GaussianProcess(space())
    process.fit(known[:12], [value(a) for a in known[:12]])
    assert max(process.deviations(known[:12])) < np.median(process.deviations(others))


def test_a_saved_process_predicts_the_same(tmp_path):
    known, others = halves()
    process = GaussianProcess(space())
    with pytest.raises(ValueError, match="call fit"):
        process.predict(others)
    process.fit(known, [value(a) for a in known])
    path = tmp_path / "process.safetensors"
    process.save(path)
    loaded, best = GaussianProcess(space()), Best([Ridge(space()), GaussianProcess(space())])
    for one in (loaded, best):
        one.load(path)
        assert one.predict(others) == process.predict(others)
    assert loaded.deviations(others) == process.deviations(others)


def test_files_that_hold_another_process_or_a_part_of_one_are_refused(tmp_path):
    known, _ = halves()
    process, path = GaussianProcess(space()), tmp_path / "process.safetensors"
    process.fit(known, [value(a) for a in known])
    process.save(path)
    other = SearchSpace({"width": [1, 2]}, lambda _: nn.Linear(1, 1))
    for foreign in (GaussianProcess(other), Ridge(space()), Best([Ridge(space())])):
        with pytest.raises(ValueError, match="is the file of another predictor"):
            foreign.load(path)
    whole = path.read_bytes()
    for torn in (b"", whole[:50], whole[:-8], b"{}"):
        path.write_bytes(torn)
        for one in (process, Best([GaussianProcess(space())])):
            with pytest.raises(ValueError, match="holds no predictor, or only a part of one"):
                one.load(path)


@pytest.mark.parametrize("values", [[1.0], [1.0, float("nan")], [1.0, 2.0, 3.0]])
def test_too_few_values_or_none_are_refused(values):
    known, _ = halves()
    with pytest.raises(ValueError, match="two or more architectures with one finite value"):
        GaussianProcess(space()).fit(known[: min(len(values), 2)], values)


def test_equal_values_are_predicted_as_they_are():
    known, others = halves()
    process = GaussianProcess(space())
    process.fit(known, [3.0] * len(known))
    np.testing.assert_allclose(process.predict(others), 3.0)
