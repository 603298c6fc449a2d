"""A small share of the trials of `run.py`, which does as many as one likes."""

import shutil

import faults
import flips
import kills
import pytest
import writers
from commands import COMMANDS


@pytest.mark.parametrize("kind", list(flips.KINDS))
def test_what_is_read_back_is_what_was_written_or_refused_by_name(kind, tmp_path):
    found = flips.outcomes(kind, 20, tmp_path / "kept", seed=0)
    assert set(found) <= {"refused", "made again", "harmless"}, found
    assert found["harmless"] <= 12


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_processes_that_write_the_same_leave_whole_files_of_one_of_them(tmp_path):
    rows = list(writers.trials(1, tmp_path, seed=3))
    assert [row["wrong"] for row in rows] == [""] * len(writers.WORK)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_run_that_is_killed_again_and_again_ends_as_one_that_never_was(tmp_path):
    (row,) = kills.trials(3, tmp_path, seed=0, commands={"train": COMMANDS["train shared"]})
    assert (row["silent"], row["raw"]) == (0, 0), row


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_run_whose_file_system_fails_says_so_and_then_ends_as_one_that_never_failed(tmp_path):
    command = COMMANDS["train shared"], shutil.rmtree
    (row,) = faults.trials(1, tmp_path, seed=1, commands={"train": command})
    assert (row["silent"], row["raw"]) == (0, 0), row
