"""The study of latency and BLEU of translators: what is chosen, and how BLEU is added up."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from hypernas.data.translation import Sentence
from hypernas.evaluation.translations import score

FOLDER = Path(__file__).parent.parent / "experiments" / "translation_front"


@pytest.fixture
def fronts(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("fronts")
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_sums_over_sentences_give_the_bleu_of_all(fronts):
    sentences = [
        Sentence("a", ("the cat sat on the mat today", "a cat was on the mat")),
        Sentence("b", ("he reads a long book at home",)),
        Sentence("c", ("no", "not at all")),
    ]
    written = ["the cat sat on the mat", "he reads a book at home now , he does", "no"]
    found = fronts.bleu_of(fronts.sums(written, sentences).sum(0))
    assert found == pytest.approx(score(written, sentences).bleu, rel=1e-9)


def test_the_choice_within_a_limit_is_the_best_on_validation_that_is_fast_enough(fronts):
    latency = {"a": 1.0, "b": 2.0, "c": 2.0, "d": 3.0, "e": 5.0}
    bleu = {"a": 10.0, "b": 9.0, "c": 12.0, "d": 11.0, "e": 13.0}
    found = fronts.steps(latency, bleu)
    assert [one.subnet for one in found] == ["a", "c", "e"]
    assert [fronts.within(found, limit).subnet for limit in (1.0, 2.5, 4.9, 9.0)] == [*"acce"]
    assert fronts.widths(found, 5.0) == [0.25, 0.75, 0.0]
    best = [max(bleu[s] for s in bleu if latency[s] <= limit) for limit in np.linspace(1, 5, 9)]
    assert best == [fronts.within(found, limit).validation for limit in np.linspace(1, 5, 9)]


def test_a_difference_of_what_is_the_same_is_none(fronts):
    draws = np.linspace(10, 12, 50)
    rows = fronts.compared(
        {(arm, seed, "mean"): (11.0 + seed, draws + seed) for arm in (fronts.BASELINE, "b") for seed in (0, 1)}, {}
    )  # fmt: skip
    assert [row["more_low"] for row in rows] == [row["more_high"] for row in rows] == [0.0, 0.0]
    assert rows[1]["bleu"] == 11.5
    assert rows[1]["bleu_low"] < 10.5  # of two seeds that differ by one
