import io
import json
import os
import signal as signals
import subprocess
import sys
import time
from pathlib import Path

import patience
import pytest
from rich.console import Console

from hypernas.studies.jobs import Jobs, digest


def work(spec):
    """What the processes of these tests do."""
    if "begun" in spec:
        Path(spec["begun"]).touch()
    if "wait" in spec:
        time.sleep(spec["wait"])
    if "note" in spec:
        with Path(spec["note"]).open("a") as file:
            file.write(f"{spec['label']}\n")
    if spec.get("fail"):
        raise ValueError(spec["fail"])
    if spec.get("die"):
        os._exit(9)
    return {"square": spec["x"] ** 2, "process": os.getpid()}


def jobs(folder, *, workers=1, console=None):
    console = console or Console(file=io.StringIO())
    return Jobs(work, Path(folder), workers=workers, console=console)


def specs(num, **more):
    return [{"x": x, "label": f"job {x}", **more} for x in range(num)]


def test_results_come_in_the_order_of_the_specs_and_each_is_computed_once(tmp_path):
    note = tmp_path / "note"
    todo = specs(3, note=str(note))
    todo[0]["wait"] = 0.5  # done last
    with jobs(tmp_path / "work", workers=2) as some:
        first = some.run("stage", todo)
        assert [result["square"] for result in first] == [0, 1, 4]
        assert some.run("stage", [todo[2], todo[0], todo[2]]) == [first[2], first[0], first[2]]
    with jobs(tmp_path / "work") as others:
        assert others.run("stage", todo) == first
    assert sorted(note.read_text().split("\n")) == ["", "job 0", "job 1", "job 2"]


def test_what_is_missing_or_damaged_is_computed_and_the_rest_read(tmp_path):
    todo = specs(3)
    for spec, content in zip(todo, ('{"result": "kept"}', '{"resu', "[]"), strict=True):
        (tmp_path / f"{digest(spec)}.json").write_text(content)
    with jobs(tmp_path) as some:
        kept, *others = some.run("stage", todo)
    assert kept == "kept"
    assert [result["square"] for result in others] == [1, 4]
    assert json.loads((tmp_path / f"{digest(todo[2])}.json").read_text())["spec"] == todo[2]


def test_a_failure_reaches_the_caller_and_what_was_under_way_is_kept(tmp_path):
    text = io.StringIO()
    todo = specs(4, note=str(tmp_path / "note"), wait=0.6)
    todo[1] |= {"fail": "x must be even, got 1", "wait": 0}
    with (
        jobs(tmp_path, workers=2, console=Console(file=text)) as some,
        pytest.raises(ValueError, match="x must be even, got 1"),
    ):
        some.run("squares", todo)
    assert "squares failed: job 1" in text.getvalue()
    assert (tmp_path / f"{digest(todo[0])}.json").exists()
    assert "job 3" not in (tmp_path / "note").read_text()  # nothing more was begun


def test_a_process_that_is_killed_is_told(tmp_path):
    with jobs(tmp_path) as some, pytest.raises(ChildProcessError, match="enough memory"):
        some.run("stage", [{"x": 1, "die": True}])


def test_jobs_that_are_timed_have_a_process_of_their_own(tmp_path):
    with jobs(tmp_path, workers=2) as some:
        found = some.run("stage", specs(2), alone=True)
    assert found[0]["process"] != found[1]["process"]


def test_progress_is_told_by_line_where_there_is_no_terminal(tmp_path):
    text = io.StringIO()
    with jobs(tmp_path, console=Console(file=text)) as some:
        some.run("stage", specs(2))
    assert [line.rsplit(" ", 2)[0] for line in text.getvalue().splitlines()] == [
        "stage 1/2: job 0",
        "stage 2/2: job 1",
    ]


@pytest.mark.parametrize("workers", [0, -1, 1.5, "two"])
def test_no_worker_is_refused(tmp_path, workers):
    with pytest.raises(ValueError, match="workers must be 1 or more"):
        jobs(tmp_path, workers=workers)


@pytest.mark.parametrize("signal", ["KILL", "INT"])
def test_a_study_that_is_stopped_leaves_no_process_behind_and_goes_on(tmp_path, signal):
    code = (
        "import signal, sys; sys.path[:0] = sys.argv[1:3]\n"
        "from test_jobs import jobs, specs\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it\n"
        "    todo = specs(2, note='note')\n"
        "    todo[1] |= {'begun': 'second', 'wait': 600}\n"
        "    with jobs('work') as some:\n"
        "        some.run('stage', todo)\n"
    )
    (tmp_path / "program.py").write_text(code)
    here = Path(__file__).parent
    arguments = [sys.executable, "program.py", str(here), str(here.parent)]
    process = subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    first = tmp_path / "work" / f"{digest(specs(1, note='note')[0])}.json"
    patience.until((tmp_path / "second").exists)
    (worker,) = _children(process.pid)
    process.send_signal(getattr(signals, f"SIG{signal}"))
    process.communicate(timeout=patience.SECONDS)
    patience.until(lambda: not _alive(worker))
    assert [path.name for path in (tmp_path / "work").glob("*.json")] == [first.name]


def _children(pid: int) -> list[int]:
    """The processes that compute for a process: those that say so in their command."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
            line = (path.parent / "cmdline").read_text()
        except OSError:
            continue
        if parent == pid and "spawn_main" in line:
            found.append(int(path.parent.name))
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
