"""Every predictor learns, is saved without pickle, and refuses what is not its own."""

from functools import cache, partial

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import nn

from hypernas import Choice, SearchSpace
from hypernas.evaluation import judge
from hypernas.predictors import Best, HatNetwork, Pairwise, Ridge, Trees


def chain() -> SearchSpace:
    """Widths of up to three layers, and of what kind they are."""
    choices = {"depth": Choice([1, 2, 3]), "kind": Choice(["a", "b"])}
    there = [{"depth": list(range(i + 1, 4))} for i in range(3)]
    choices |= {f"width_{i}": Choice([4, 8, 16], when=there[i]) for i in range(3)}
    return SearchSpace(choices, lambda _: nn.Identity())


def cost(architecture) -> float:
    """Time of layers one by one, each as its width and the width before."""
    widths = [architecture.get(f"width_{i}", 0) for i in range(3)]
    layers = sum(w + v * w / 8 for v, w in zip([4, *widths], widths, strict=False))
    return 3 + layers + 2 * (architecture["kind"] == "b")


SPACE = chain()
ALL = list(SPACE.enumerate())
VALUES = [cost(a) for a in ALL]
HALF = np.random.default_rng(0).permutation(len(ALL))
SEEN, HELD = HALF[: len(ALL) // 2], HALF[len(ALL) // 2 :]
network = partial(HatNetwork, dim=16, depth=1, steps=200, lr=2e-2, batch_size=16)
KINDS = {
    "ridge": Ridge,
    "trees": partial(Trees, num=60),
    "network": network,
    "pairwise": Pairwise,
    "best": lambda space: Best([Ridge(space), Pairwise(space)], num_folds=3),
}


def of(values, places) -> list:
    return [values[i] for i in places]


def fit(name: str):
    predictor = KINDS[name](SPACE)
    predictor.fit(of(ALL, SEEN), of(VALUES, SEEN))
    return predictor


fitted = cache(fit)


@pytest.fixture(params=KINDS)
def name(request) -> str:
    return request.param


def test_held_out_values_are_predicted_and_ranked(name):
    found = judge(fitted(name), of(ALL, HELD), of(VALUES, HELD))
    assert found.mape.value < 0.12
    assert found.tau.value > 0.8
    assert found.mape.low <= found.mape.value <= found.mape.high


def test_a_saved_predictor_predicts_the_same(name, tmp_path):
    predictor, other = fitted(name), KINDS[name](SPACE)
    predictor.save(tmp_path / "predictor")
    other.load(tmp_path / "predictor")
    assert other.predict(ALL) == predictor.predict(ALL)


def test_fitting_twice_gives_the_same_and_leaves_torchs_draws_alone(name):
    state = torch.random.get_rng_state()
    assert fit(name).predict(ALL) == fitted(name).predict(ALL)
    assert torch.equal(state, torch.random.get_rng_state())


def test_before_it_is_fitted_a_predictor_says_so(name, tmp_path):
    with pytest.raises(ValueError, match="call fit or load first"):
        KINDS[name](SPACE).predict(ALL)
    with pytest.raises(ValueError, match="call fit or load first"):
        KINDS[name](SPACE).save(tmp_path / "predictor")


def test_too_few_points_are_one_error(name):
    with pytest.raises(
        ValueError, match=r"needs \d or more different architectures .* got [12]: mea"
    ):
        KINDS[name](SPACE).fit([ALL[0], ALL[1], ALL[0]], [1.0, 2.0, 1.0])


@pytest.mark.parametrize("cut", [0, 5, 100, -1])
def test_a_torn_file_is_refused_by_name(name, cut, tmp_path):
    path, predictor = tmp_path / "predictor", fitted(name)
    predictor.save(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"predictor holds no predictor, or only a part of one"):
        KINDS[name](SPACE).load(path)


def test_a_foreign_file_is_refused(name, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": np.zeros(3)}, path)
    with pytest.raises(ValueError, match="holds no predictor"):
        KINDS[name](SPACE).load(path)


def test_a_predictor_of_another_space_or_kind_is_refused(tmp_path):
    path = tmp_path / "predictor"
    fitted("ridge").save(path)
    others = [
        Ridge(SearchSpace({"width": [1, 2]}, lambda _: nn.Identity())),
        Ridge(SPACE, degree=1),
        Pairwise(SPACE),
    ]
    for other, misfit in zip(others, ["space", "settings", "kind"], strict=True):
        with pytest.raises(ValueError, match=f"another predictor:\n  {misfit}"):
            other.load(path)


def test_values_that_are_no_numbers_are_refused_all_at_once():
    values = [*VALUES[:-2], float("nan"), -1.0]
    with pytest.raises(ValueError, match=r"finite and positive, got \[nan, -1.0\] \(of 2\)"):
        Ridge(SPACE).fit(ALL, values)
    with pytest.raises(ValueError, match="one value for each"):
        Ridge(SPACE).fit(ALL, VALUES[1:])


def test_trees_are_those_of_scikit_learn(monkeypatch):
    from sklearn.ensemble import GradientBoostingRegressor

    forests, fit = [], GradientBoostingRegressor.fit
    monkeypatch.setattr(
        GradientBoostingRegressor,
        "fit",
        lambda self, *data: forests.append(self) or fit(self, *data),
    )
    predictor = Trees(SPACE, num=20, relative=False)
    predictor.fit(ALL, VALUES)
    table = np.array([predictor._features(a).numpy() for a in ALL])
    np.testing.assert_allclose(predictor.predict(ALL), forests[0].predict(table), rtol=1e-12)


def test_the_best_by_cross_validation_is_chosen():
    found = fitted("best")
    assert found.chosen is found.predictors[int(np.argmin(found.errors))]
    assert len(found.errors) == 2
