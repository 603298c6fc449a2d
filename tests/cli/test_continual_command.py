"""`hypernas continual`: a stream of tasks in a folder, stopped and gone on with, and its report."""

import csv
from pathlib import Path

import pytest

import hypernas
from hypernas.continual import learn as course
from hypernas.reports.kinds import section_of
from hypernas.reports.study import open_study
from hypernas.runs import continual

TINY = [
    *("tasks.num=2", "space.depths=[1]", "space.widths=[8]", "course.steps=4", "device=cpu"),
    *("course.batch_size=16", "course.split=validation", "course.subnets=[largest,smallest]"),
]
MODULE = """
from hypernas.continual import FineTuning, Permuted

def tasks(data, num):
    print(f"tasks {num}")
    return Permuted(data, num=num)

class Method(FineTuning):
    def __init__(self, generator, *, num_tasks, word):
        super().__init__(generator, num_tasks=num_tasks)
        print(f"method {word}")
"""


def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_stream_that_was_stopped_ends_as_one_that_was_not_and_is_reported(run, monkeypatch):
    assert run("continual", *TINY, "hydra.run.dir=whole")[0] == 0

    stops = iter((0, 1))

    def stopping(*args, **settings):
        stop = next(stops)
        for found in course(*args, **settings):
            yield found
            if found.task == stop:
                raise KeyboardInterrupt

    monkeypatch.setattr(continual, "course_of", stopping)
    status, _, error = run("continual", *TINY, "hydra.run.dir=parts")
    assert status == 130
    assert "hypernas continual resume=parts" in error
    assert run("continual", "resume=parts")[0] == 130
    assert len(rows("parts/tasks.csv")) == 1
    monkeypatch.undo()
    status, _, error = run("continual", *TINY, "hydra.run.dir=parts")
    assert status == 2
    assert "already holds a stream of tasks" in error
    status, out, error = run("continual", "resume=parts")
    assert status == 0, error
    assert out.splitlines()[0].startswith("final")
    assert Path("parts/results.csv").read_bytes() == Path("whole/results.csv").read_bytes()
    states = [Path(f, "state/state.safetensors").read_bytes() for f in ("parts", "whole")]
    assert states[0] == states[1]
    assert {row["subnet"] for row in rows("parts/results.csv")} == {"largest", "smallest"}
    stream = continual.open_stream("parts")
    assert (stream.learned, len(stream.method.packed)) == (2, 2)
    (table,) = section_of(open_study(Path("parts"))).tables("continual")
    assert list(table["subnet"].map(str)) == ["largest", "smallest"]
    assert float(table["kept (networks)"][0].text) > 1
    for table in ("results.csv", "tasks.csv"):  # as after a stop right behind the state
        Path("parts", table).unlink()
    assert run("continual", "resume=parts")[0] == 0
    assert Path("parts/results.csv").read_bytes() == Path("whole/results.csv").read_bytes()
    assert len(rows("parts/tasks.csv")) == 2
    record = Path("parts/state/record.json")
    record.write_text(record.read_text().replace('"learned": 2', '"learned": 1'))
    assert run("continual", "resume=parts")[0] == 2


def test_ones_own_tasks_and_method_are_made_with_their_arguments(run, tmp_path):
    (tmp_path / "mine.py").write_text(MODULE)
    own = ["tasks=own", "tasks._target_=mine.tasks", "+tasks.num=2", "method=own"]
    own += ["method._target_=mine.Method", "+method.word=heard", "hydra.run.dir=own"]
    status, out, error = run("continual", *TINY[1:], *own)
    assert status == 0, error
    assert out.splitlines()[:2] == ["tasks 2", "method heard"]
    with pytest.raises(hypernas.runs.trust.Untrusted, match=r"mine\.tasks"):
        continual.open_stream("own")
    status, _, error = run("continual", "method=own")
    assert status == 2
    assert "method._target_" in error


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["method=conditioned"], "generator.condition_dim=8"),
        (["course.measure=bleu"], "got measure='bleu'"),
        (["method.transfer=worst"], "transfer must be none, best, always or mean"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_words(run, arguments, told):
    status, _, error = run("continual", *TINY[1:], *arguments)
    assert status == 2
    assert told in error
