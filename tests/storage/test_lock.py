"""A folder is held by one process at a time, and by none that is dead."""

import os
import signal
import socket
import time

import patience
import pytest

from hypernas.storage.lock import held

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def holding(folder) -> int:
    """A process that holds a folder until it is killed."""
    pid = os.fork()
    if not pid:
        with held(folder):
            (folder.parent / "begun").touch()
            while True:
                time.sleep(60)
    patience.until((folder.parent / "begun").exists)
    return pid


def test_the_second_is_told_who_holds_a_folder_and_since_when(tmp_path):
    pid = holding(tmp_path / "run")
    try:
        words = f"process {pid} on {socket.gethostname()} .*since 20"
        with pytest.raises(FileExistsError, match=words), held(tmp_path / "run"):
            pass
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_folder_is_free_once_its_holder_is_killed_though_its_children_live(tmp_path):
    pid = os.fork()
    if not pid:
        with held(tmp_path / "run"):
            child = os.fork()
            if child:
                (tmp_path / "begun").write_text(str(child))
            time.sleep(600)
    patience.until(lambda: (tmp_path / "begun").exists() and (tmp_path / "begun").read_text())
    child = int((tmp_path / "begun").read_text())
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    try:
        os.kill(child, 0)  # it lives
        with held(tmp_path / "run"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_folder_is_left_without_a_trace(tmp_path):
    (tmp_path / "there").mkdir()
    with held(tmp_path / "there"), held(tmp_path / "new"):
        assert (tmp_path / "there" / ".lock").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert list((tmp_path / "there").iterdir()) == []


def test_a_folder_that_was_used_stays(tmp_path):
    with held(tmp_path / "new"):
        (tmp_path / "new" / "result").touch()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["result"]
