"""A small share of the calls of `junk.py`, which makes as many as one likes."""

import signal

import junk
import pytest
from samples import Samples


@pytest.fixture
def limited():
    """A clock that ends calls which take too long."""
    before = {clock: signal.signal(clock, junk.ring) for clock in (signal.SIGALRM, signal.SIGPROF)}
    yield
    for clock, handler in before.items():
        signal.signal(clock, handler)


def test_junk_in_one_argument_is_told_in_words(tmp_path, monkeypatch, limited):
    monkeypatch.chdir(tmp_path)
    found = junk.run(Samples(tmp_path), part=250, seed=0)
    assert (dict(found.raw), found.hung) == ({}, []), found.text()
    assert found.num > 50
