"""Standard streams whose reader goes away, that are full, or closed."""

import io
import os
import sys

import pytest

from hypernas.storage.streams import keep_standard_streams


@pytest.fixture(autouse=True)
def streams(monkeypatch):
    """Streams that are left alone, but for those that a test puts in their place."""
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.StringIO())


def put(monkeypatch, name, stream):
    monkeypatch.setattr(sys, name, stream)
    monkeypatch.setattr(sys, f"__{name}__", stream)
    keep_standard_streams()
    return getattr(sys, name)


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_what_nobody_reads_any_more_is_dropped(name, monkeypatch):
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        kept = put(monkeypatch, name, stream)
        print("a line", file=kept, flush=True)
        assert os.read(reader, 100) == b"a line\n"
        os.close(reader)
        for _ in range(3):
            print("another" * 10_000, file=kept, flush=True)
        assert os.path.samestat(os.fstat(writer), os.stat(os.devnull))  # and of libraries too


def test_results_that_do_not_fit_on_a_disk_are_told_of_once_and_progress_never(monkeypatch):
    with open("/dev/full", "w") as full:
        kept = put(monkeypatch, "stdout", full)
        with pytest.raises(OSError, match="No space"):
            print("a result", file=kept, flush=True)
        kept.flush()
    with open("/dev/full", "w") as full:
        print("step 3", file=put(monkeypatch, "stderr", full), flush=True)


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_closed_streams_become_ones_of_nothing(name, monkeypatch):
    with put(monkeypatch, name, None) as stream:
        assert os.path.samestat(os.fstat(stream.fileno()), os.stat(os.devnull))


def test_streams_that_another_has_replaced_are_left_alone():
    before = sys.stdout, sys.stderr
    keep_standard_streams()
    assert (sys.stdout, sys.stderr) == before
