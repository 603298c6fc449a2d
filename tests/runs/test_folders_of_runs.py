"""A folder holds one run, which nothing makes a dead end of."""

import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import patience
import pytest
import torch
from test_runs import SETTINGS
from torch.testing import assert_close

import hypernas
from hypernas.storage.lock import held
from hypernas.training.checkpoint import CheckpointError

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return hypernas.train(SETTINGS, tmp_path_factory.mktemp("runs") / "whole")


def same(run, other) -> None:
    assert_close(run.generator.state_dict(), other.generator.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_that_was_killed_in_its_first_checkpoint_begins_again(whole, tmp_path, resume):
    pid = os.fork()
    if not pid:
        torch.set_num_threads(1)
        rename = Path.rename

        def killed(self, target):
            if self.name.endswith(".part"):
                os.kill(os.getpid(), signal.SIGKILL)
            return rename(self, target)

        Path.rename = killed
        hypernas.train(SETTINGS, tmp_path / "run")
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    left = list((tmp_path / "run" / "checkpoints").iterdir())
    assert len(left) == 1
    said = []
    again = hypernas.train(SETTINGS, tmp_path / "run", resume=resume, tell=said.append)
    same(again, whole)
    assert any("no checkpoint" in text for text in said) == resume
    assert left[0] not in (tmp_path / "run" / "checkpoints").iterdir()


def test_a_run_goes_on_from_an_earlier_checkpoint_where_that_is_asked_for(whole, tmp_path):
    folder = shutil.copytree(whole.folder, tmp_path / "run")
    path = folder / "checkpoints" / "00000004" / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    for command in (hypernas.load, lambda run: hypernas.train(SETTINGS, run, resume=True)):
        with pytest.raises(CheckpointError, match=r"(?s)00000004 was altered.*fallback=true"):
            command(folder)
    said = []
    again = hypernas.train(SETTINGS, folder, resume=True, fallback=True, tell=said.append)
    same(again, whole)
    assert any("going on from step 2, as" in text for text in said)
    same(hypernas.load(folder), whole)


def test_a_folder_that_another_process_works_in_is_refused(tmp_path):
    with held(tmp_path / "run"):
        for command in (hypernas.train, hypernas.grow):
            with pytest.raises(FileExistsError, match=f"process {os.getpid()} on"):
                command(SETTINGS, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_of_several_that_train_in_one_new_folder_one_does_and_the_others_are_told(whole, tmp_path):
    context = multiprocessing.get_context("fork")
    gate, told = context.Barrier(3), context.Queue()

    def train() -> None:
        torch.set_num_threads(1)
        gate.wait()
        try:
            hypernas.train(SETTINGS, tmp_path / "run")
            told.put("done")
        except FileExistsError as error:
            told.put(str(error))

    processes = [context.Process(target=train) for _ in range(3)]
    for process in processes:
        process.start()
    said = [told.get(timeout=patience.SECONDS) for _ in processes]
    for process in processes:
        process.join(patience.SECONDS)
    assert said.count("done") == 1
    assert all("works in" in text or "holds a run" in text for text in said if text != "done")
    same(hypernas.load(tmp_path / "run"), whole)


def test_altered_settings_are_refused_until_that_is_said_to_be_meant(whole, tmp_path):
    folder = shutil.copytree(whole.folder, tmp_path / "run")
    path = folder / "settings.yaml"
    path.write_text(path.read_text().replace("lr: 0.01", "lr: 0.02"))
    with pytest.raises(ValueError, match=r"settings.yaml was altered .* take that line out"):
        hypernas.load(folder)
    path.write_text(path.read_text().partition("\n")[2])
    assert (hypernas.load(folder).settings or {})["optimizer"]["lr"] == 0.02
