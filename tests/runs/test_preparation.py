"""What was learned to make inputs of the data: a run opens with the same, and with nothing else."""

import pytest
import torch
from torch.utils.data import TensorDataset

import hypernas
from hypernas.data import Data, digits
from hypernas.runs.preparation import check_preparation, write_preparation
from hypernas.storage.seal import Altered, write_sealed

SETTINGS = {
    "data": {"_target_": "hypernas.data.translation", "vocabulary": 320, "num_held_out": 4},
    "space": {
        "_target_": "hypernas.spaces.seq2seq",
        "_partial_": True,
        **{f"{side}_depths": [1] for side in ("encoder", "decoder")},
        **{f"{side}_dims": [8, 16] for side in ("encoder", "decoder")},
        "qkv_dim": 8,
        "attend": [1],
        "padding": 0,
    },
    "generator": {"_target_": "hypernas.generators.shared", "_partial_": True},
    "sampling": {"_target_": "hypernas.sampling.Uniform"},
    "objective": {"_target_": "hypernas.objectives.CrossEntropy"},
    "optimizer": {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.01},
    "schedule": {"_target_": "hypernas.schedules.Cosine"},
    "training": {"_target_": "hypernas.training.Training", "steps": 1, "batch_size": 8},
    "callbacks": {"checkpoints": {"_target_": "hypernas.training.callbacks.Checkpoints"}},
    "seed": 3,
    "device": "cpu",
}
LONGER = {**SETTINGS, "training": {**SETTINGS["training"], "steps": 2}}
OTHER = "trained on other data: what was learned from the training split of 'spa'"


def write(folder, who):
    lines = [f"{a} saw {n} {b}.\t{a} vio {n} {b}." for a in who for b in who for n in range(9)]
    folder.mkdir(exist_ok=True)
    (folder / "spa.txt").write_text("\n".join(lines))


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """Function that puts a file of pairs at the place where the data are looked for."""
    monkeypatch.setenv("HYPERNAS_TRANSLATION", str(tmp_path / "pairs"))
    return lambda *who: write(tmp_path / "pairs", who)


def test_a_run_opens_with_the_file_that_its_vocabulary_was_learned_from_and_with_no_other(
    corpus, tmp_path
):
    names = ("Tom", "Ann", "Bob", "Mary", "Jim")
    corpus(*names)
    hypernas.train(SETTINGS, tmp_path / "run")

    def longer():
        return hypernas.train(LONGER, tmp_path / "run", resume=True, overrides=["training.steps=2"])

    corpus(*names[::-1])  # the same symbols, in another order
    for attempt in (lambda: hypernas.load(tmp_path / "run"), longer):
        with pytest.raises(ValueError, match=OTHER):
            attempt()
    corpus(*names)
    assert hypernas.load(tmp_path / "run").step == 1
    assert longer().step == 2


def test_a_growth_goes_on_with_the_vocabulary_of_its_members_only(corpus, tmp_path):
    alike = ("training", "optimizer", "schedule")
    growing = {
        **{key: value for key, value in SETTINGS.items() if key not in ("generator", "sampling")},
        **{f"member_{key}": SETTINGS[key] for key in alike},
        "growth": {"_target_": "hypernas.growth.Recombine"},
        "members": ["smallest", "smallest"],
        "to": "largest",
        "calibration_batches": 1,
        "keep_memory": True,
    }
    corpus("Tom", "Ann", "Bob", "Mary")
    grown = hypernas.grow(growing, tmp_path / "growth")
    assert hypernas.load(tmp_path / "growth").step == grown.step == 1
    corpus("Tim", "Eve", "Bill", "Max")
    for attempt in (
        lambda: hypernas.load(tmp_path / "growth"),
        lambda: hypernas.grow(growing, tmp_path / "growth", resume=True),
    ):
        with pytest.raises(ValueError, match=OTHER):
            attempt()


def test_any_data_can_tell_what_was_learned_for_them(tmp_path):
    split = TensorDataset(torch.zeros(4, 2), torch.zeros(4).long())

    def standardised(mean):
        return Data("own", split, split, split, (2,), 2, preparation=mean)

    write_preparation(tmp_path, standardised(b"0.5"))
    check_preparation(tmp_path, standardised(b"0.5"))
    for other in (standardised(b"0.4"), standardised(None)):
        with pytest.raises(ValueError, match="training split of 'own'"):
            check_preparation(tmp_path, other)
    write_sealed(tmp_path / "preparation.json", {"data": "own"})
    with pytest.raises(Altered, match="does not hold a digest"):
        check_preparation(tmp_path, standardised(b"0.5"))


def test_a_run_that_keeps_none_is_refused_by_nobody(tmp_path):
    write_preparation(tmp_path, digits())
    assert not [*tmp_path.iterdir()]
    check_preparation(tmp_path, digits())
