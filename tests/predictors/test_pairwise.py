"""The additive and pairwise model predicts sums of pairs; its parameters are not looked at."""

import numpy as np
import pytest
import torch
from torch import nn

from hypernas import Choice, SearchSpace
from hypernas.predictors import Pairwise


def chain(length: int = 4) -> SearchSpace:
    return SearchSpace({f"w{i}": [1, 2, 3] for i in range(length)}, lambda _: nn.Identity())


def ascending(rng: np.random.Generator) -> np.ndarray:
    return np.sort(np.sort(rng.uniform(0, 1, (3, 3)), 0), 1)


def test_held_out_sums_of_neighbours_are_exact(rng):
    space = chain()
    tables = [ascending(np.random.default_rng(i)) for i in range(3)]

    def cost(a):
        levels = [a[f"w{i}"] - 1 for i in range(4)]
        return 0.3 + sum(t[levels[i], levels[i + 1]] for i, t in enumerate(tables))

    seen = [space.sample(rng) for _ in range(60)]
    model = Pairwise(space, shrink=0.0)
    model.fit(seen, [cost(a) for a in seen])
    every = list(space.enumerate())
    np.testing.assert_allclose(model.predict(every), [cost(a) for a in every], rtol=1e-5)


def test_a_larger_value_is_not_cheaper_though_noise_says_so(rng):
    space = SearchSpace({"width": [1, 2, 3, 4]}, lambda _: nn.Identity())
    every = list(space.enumerate())
    values = [1.0, 2.0, 1.6, 3.0]  # the middle ones measured the wrong way round
    plain, held = Pairwise(space, monotony=0.0, shrink=0.0), Pairwise(space, shrink=0.0)
    for model in (plain, held):
        model.fit(every, values)
    np.testing.assert_allclose(plain.predict(every), values, rtol=1e-5)
    found = held.predict(every)
    assert found[1] == pytest.approx(found[2], rel=0.01)
    assert found[0] == pytest.approx(1.0, rel=0.01)


def test_absent_choices_have_a_level_of_their_own():
    choices = {"depth": [1, 2], "width": Choice([1, 2], when={"depth": [2]})}
    space = SearchSpace(choices, lambda _: nn.Identity())
    every = list(space.enumerate())
    model = Pairwise(space, shrink=0.0)
    model.least = 3
    model.fit(every, [5.0, 7.0, 8.0])
    np.testing.assert_allclose(model.predict(every), [5.0, 7.0, 8.0], rtol=1e-5)


def test_predictions_are_the_sums_of_the_tables(rng):
    space = chain()
    seen = [space.sample(rng) for _ in range(40)]
    model = Pairwise(space, pairs="all")
    model.fit(seen, [sum(a.values()) + a["w0"] * a["w3"] for a in seen])
    a = seen[0]
    total = model.table()
    for term in model.terms:
        total += model.table(*term)[tuple(a[name] - 1 for name in term)]
    assert total == pytest.approx(model.predict([a])[0])
    assert all((model.table(*term) >= 0).all() for term in model.terms)


def test_pairs_and_terms_that_are_not_there_are_named(rng):
    with pytest.raises(ValueError, match=r"two choices each of .*, got \[\('w0', 'w9'\)\]"):
        Pairwise(chain(), pairs=[("w0", "w1"), ("w0", "w9")])
    model = Pairwise(chain())
    model.fit([chain().sample(torch.Generator().manual_seed(i)) for i in range(20)], [1.0] * 20)
    with pytest.raises(ValueError, match=r"\['w0', 'w2'\] is no term"):
        model.table("w0", "w2")
