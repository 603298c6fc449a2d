"""A new run is not begun where another left its checkpoints."""

from pathlib import Path

import pytest
from training_runs import fit, short, space

import hypernas
from hypernas import generators
from hypernas.training.callbacks import Checkpoints


def test_a_new_run_is_not_begun_in_a_folder_with_checkpoints_and_nothing_there_changes(tmp_path):
    generator = generators.shared(space())
    fit(generator, short(4), callbacks=[Checkpoints(tmp_path, every=2)])
    before = {p: p.read_bytes() for p in Path(tmp_path).rglob("*") if p.is_file()}
    with pytest.raises(FileExistsError, match="checkpoints of another run, up to step 4"):
        fit(generators.shared(space()), short(2), callbacks=[Checkpoints(tmp_path, every=1)])
    assert {p: p.read_bytes() for p in Path(tmp_path).rglob("*") if p.is_file()} == before
    fit(generator, short(6), callbacks=[Checkpoints(tmp_path, every=2)], resume=tmp_path)
    assert (tmp_path / "00000006").is_dir()


def test_what_is_no_run_is_told_what_is_one():
    with pytest.raises(
        TypeError, match=r"got Mixture. Of a generator that was trained from Python"
    ):
        hypernas.find(generators.shared(space()), objectives=["accuracy"])
