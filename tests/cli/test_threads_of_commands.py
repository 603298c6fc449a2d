"""Errors in threads of a command."""

import threading

import pytest


class Writer(threading.Thread):
    def run(self):
        raise OSError("no space")


@pytest.mark.parametrize(
    ("module", "told"), [("tensorboard.summary.writer", False), ("mine", True)]
)
def test_errors_that_the_command_raises_too_are_told_once(run, monkeypatch, capsys, module, told):
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    monkeypatch.setattr(Writer, "__module__", module)
    assert run("--version")[0] == 0
    writer = Writer()
    writer.start()
    writer.join()
    assert ("no space" in capsys.readouterr().err) == told
