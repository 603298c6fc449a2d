import json
from pathlib import Path

import pytest
from made_up_study import write, write_study

from hypernas.reports.run.folder import labels

SMALL = {"arms": ("shared", "hypernas"), "budgets": (1, 2), "seeds": (0, 1), "num_subnets": 6}
FAST = ["experiment=fast", "training.steps=6", "callbacks.validation.every=3", "device=cpu"]


def files(folder: str | Path = ".") -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def test_a_study_gets_its_tables_figures_and_page_and_the_same_again_every_time(run):
    folder = write_study(Path("bars"), **SMALL)
    status, out, _ = run("report", folder)
    assert status == 0
    assert "bars/README.md: gap, ranking" in out
    first = files()
    names = {Path(name).name for name in first if "figures" in name}
    drawn = ("gap", "scatter", "ranks", "pareto")
    assert names == {f"{name}.{kind}" for name in drawn for kind in ("svg", "png")}
    assert first["bars/figures/gap.png"].startswith(b"\x89PNG")
    assert "| `hypernas` |" in Path("bars/README.md").read_text()
    assert "<h1" in Path("bars/report.html").read_text()
    stamps = {name: Path(name).stat().st_mtime_ns for name in first}
    assert run("report", folder)[0] == 0
    assert files() == first
    assert {name: Path(name).stat().st_mtime_ns for name in first} == stamps


def test_a_check_fails_once_a_number_changes_and_writes_nothing(run):
    folder = write_study(Path("bars"), **SMALL)
    Path("README.md").write_text("# All\n\n<!-- report: bars/gap -->\n<!-- end -->\n")
    check = ("report", folder, "--into", "README.md", "--check")
    status, _, error = run(*check)
    assert status == 1
    assert error.splitlines() == [
        "bars/README.md: gap is not up to date",
        "bars/README.md: ranking is not up to date",
        "README.md: bars/gap is not up to date",
    ]
    assert run("report", folder, "--into", "README.md", "--out", "page.html")[0] == 0
    before = files()
    assert run(*check)[:2] == (0, "up to date: bars/README.md, README.md\n")
    results = folder / "results.csv"
    lines = results.read_text().splitlines()
    lines[1] = ",".join([*lines[1].split(",")[:-2], "0.1", lines[1].split(",")[-1]])
    results.write_text("\n".join(lines) + "\n")
    status, _, error = run(*check)
    assert status == 1
    assert "README.md: bars/gap is not up to date" in error
    assert {**files(), "bars/results.csv": b""} == {**before, "bars/results.csv": b""}


def test_a_marker_of_a_study_that_is_not_given_is_left_alone_but_fails_a_check(run):
    folder = write_study(Path("bars"), **SMALL)
    (folder / "README.md").unlink()
    page = Path("README.md")
    page.write_text("<!-- report: other/gap -->\nkept\n<!-- end -->\n")
    status, _, error = run("report", folder, "--into", page, "--check")
    assert (status, error) == (1, "README.md: other/gap is not of the studies given\n")
    assert "kept" in page.read_text()


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        (
            "ranks",
            "bars/README.md, <!-- report: ranks -->: bars has no table 'ranks', expected one",
        ),
        ("ablation", "bars has no table 'ablation': it is for results of one budget"),
        ("cost", "there is no cost.csv beside results.csv"),
    ],
)
def test_a_marker_for_which_there_is_no_table_is_refused(run, marker, expected):
    folder = write_study(Path("bars"), **SMALL, beside=False)
    (folder / "README.md").write_text(f"<!-- report: {marker} -->\n<!-- end -->\n")
    before = files()
    status, _, error = run("report", folder)
    assert status == 2
    assert expected in error
    assert error.count("hypernas: ") == 1
    assert files() == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "the following arguments are required: PATH"),
        (
            ("nowhere",),
            "nowhere: expected the folder of a study, a CSV file, or the folder of a run",
        ),
        ((".",), "it has no results.csv"),
        (("table.csv", "--chek"), "unrecognized arguments: --chek. See hypernas report --help"),
        (("table.csv", "--into", "no.md"), "no.md: there is no such Markdown file"),
        (("table.csv", "--out", "no/page.html"), "there is no folder no"),
        (("table.csv", "again/table.csv"), "two studies are called 'table'"),
    ],
)
def test_wrong_arguments_are_refused_in_one_message(run, arguments, expected):
    for folder in (Path(), Path("again")):
        folder.mkdir(exist_ok=True)
        write(folder / "table.csv", [{"a": 1}], "a")
    before = files()
    status, _, error = run("report", *arguments)
    assert status == 2
    assert expected in error
    assert "Traceback" not in error
    assert files() == before


def test_help_tells_of_markers(run):
    status, out, _ = run("report", "--help")
    assert status == 0
    assert out.startswith("hypernas report: ")
    assert "<!-- report: gap -->" in out
    assert "--check" in out
    assert "hypernas report " in run("--help")[1]


def test_curves_and_ratios_and_any_other_table_are_reported_too(run):
    curve = [
        {"task": "t", "arm": arm, "seed": seed, "measure": "cross_entropy", "unit": "nats",
         "train_flops": 1e9 * step, "score": score + 0.1 * seed}
        for arm, seed in (("scratch", 0), ("scratch", 1), ("grown", 0), ("grown", 1))
        for step, score in ((1, 0.2), (2, 0.4), *(((4, 0.8),) if arm == "scratch" else ()))
    ]  # fmt: skip
    Path("growth").mkdir()
    write(Path("growth/results.csv"), curve, "task arm seed measure unit train_flops score")
    columns = "measure target arm device ratio_q1 ratio_median ratio_q3 rounds"
    ratio = ("step", "conv2d", "mos", "cpu", 1.1, 1.25, 1.5, 30)
    Path("speed").mkdir()
    write(Path("speed/results.csv"), [dict(zip(columns.split(), ratio, strict=True))], columns)
    write(Path("other.csv"), [{"name": "x", "count": -12345, "share": "0.50"}], "name count share")
    Path("all.md").write_text(
        "".join(
            f"<!-- report: {name} -->\n<!-- end -->\n"
            for name in ("growth/curve", "speed/ratios", "speed/step", "other/table")
        )
    )
    assert run("report", "growth", "speed", "other.csv", "--into", "all.md")[0] == 0
    text = Path("all.md").read_text()
    assert "cross entropy at equal compute (nats) | final cross entropy (nats) |" in text
    assert "| `scratch` | 2 | 4.00 | 0.450 [0.400, 0.500] | 0.850 [0.800, 0.900] |" in text
    assert "| `grown` | 2 | 2.00 | 0.450 [0.400, 0.500] | 0.450 [0.400, 0.500] |" in text
    assert text.count("| `conv2d` | cpu | 1.25 [1.10, 1.50] |") == 2  # among all, and by itself
    assert "| x | −12,345 | 0.50 |" in text
    assert Path("growth/figures/curve-t.png").exists()
    assert Path("speed/figures/ratios-step.svg").exists()
    page = Path("report.html").read_text()
    assert all(f'<section id="{name}"' in page for name in ("growth", "speed", "other"))


def test_a_study_can_say_itself_what_its_results_come_to(run):
    Path("own").mkdir()
    write(Path("own/results.csv"), [{"x": 1}, {"x": 2}], "x")
    Path("own/README.md").write_text("# Own\n\n<!-- report: sum -->\n<!-- end -->\n")
    Path("own/section.py").write_text(
        "from hypernas.reports import Part, Section, csv_file\n"
        "from hypernas.reports.table import number, table\n"
        "def section(study):\n"
        "    rows = csv_file.read(study.path, {'x': csv_file.finite})\n"
        "    made = table([{'all': number(rows['x'].sum(), 0)}])\n"
        "    return Section(study.name, study.title, (Part('sum', 'Sum', lambda: [made]),))\n"
    )
    status, _, error = run("report", "own")  # it is code, and may be anyone's
    assert status == 2
    assert "section.py is code" in error
    assert "--trust" in error
    status, _, error = run("report", "own", "--trust")
    assert status == 0, error
    assert "| all |\n|---:|\n| 3 |\n" in Path("own/README.md").read_text()


def test_runs_show_their_curves_and_how_much_their_gates_vary(run):
    for name, generator in (("a", "mos_layer"), ("b", "shared")):
        train = ("train", *FAST, f"generator={generator}", f"hydra.run.dir=runs/{name}")
        assert run(*train)[0] == 0
    assert run("report", "runs/a")[0] == 0
    drawn = {path.name for path in Path("runs/a/report").iterdir()}
    assert drawn == {"curves.svg", "curves.png", "gates.svg", "gates.png", "report.html"}
    page = Path("runs/a/report/report.html").read_text()
    assert "sd over architectures" in page
    assert run("report", "runs/a", "runs/b")[0] == 0
    page = Path("report.html").read_text()
    assert "Gates by architecture, a" in page
    assert "Gates by architecture, b" not in page  # weight sharing has none
    assert page.count('data-arm="b"') > 1


def test_the_page_of_a_run_shows_what_evaluate_wrote_into_its_folder(run):
    Path("a").mkdir()
    Path("a/metrics.jsonl").write_text(json.dumps({"step": 1, "loss": 1.0}) + "\n")
    row = {"subnet": "smallest", "architecture": '{"width": 8}', "accuracy": 0.123456789}
    write(Path("a/evaluation.csv"), [row], "subnet architecture accuracy")
    write(Path("a/evaluation_2.csv"), [row], "subnet architecture accuracy")
    write(Path("a/other.csv"), [{"x": 1}], "x")
    status, _, error = run("report", "a")
    assert status == 0, error
    page = Path("a/report/report.html").read_text()
    for name in ("curves", "evaluation", "evaluation_2"):
        assert f'<article id="a-{name}">' in page
    assert "a-other" not in page
    assert ">width: 8</td>" in page
    assert ">0.1235</td>" in page


def test_a_run_that_is_named_by_its_time_is_named_by_the_folder_around_it_as_well():
    one, two = (
        Path("runs/digits-mlp/2026-11-28_03-48-12"),
        Path("runs/bars-mlp/2026-11-28_03-48-13"),
    )
    assert labels([one]) == ["digits-mlp/2026-11-28_03-48-12"]
    assert labels([one, two]) == ["digits-mlp", "bars-mlp"]
    again = one.with_name("2026-11-29_01-00-00")
    assert labels([one, again]) == [f"digits-mlp/{path.name}" for path in (one, again)]
    assert labels([Path("runs/a"), Path("runs/b")]) == ["a", "b"]


def test_a_run_without_a_checkpoint_still_has_curves(run):
    assert run("train", *FAST, "hydra.run.dir=a")[0] == 0
    for path in sorted(Path("a/checkpoints").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    status, _, error = run("report", "a")
    assert status == 0
    assert "a: no gates (" in error
    assert {p.stem for p in Path("a/report").iterdir()} == {"curves", "report"}


def test_a_broken_line_of_metrics_is_named(run):
    Path("a").mkdir()
    lines = [json.dumps({"step": 1, "loss": 1.0}), "{broken", json.dumps({"step": 2, "loss": 1.0})]
    Path("a/metrics.jsonl").write_text("\n".join(lines) + "\n")
    status, _, error = run("report", "a")
    assert status == 2
    assert "metrics.jsonl is broken, line 2: expected a JSON object with a step" in error
