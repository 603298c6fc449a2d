"""What the README and the pages of `docs` say runs."""

import contextlib
import io
import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import torch
from pages import EXAMPLES, PAGES, ROOT, commands, included, snippets

from hypernas.cli import main as command
from hypernas.runs.load import load

FAST = {  # so that a command takes a second: appended settings win
    "train": [
        "training.steps=2",
        "callbacks.validation.num_subnets=1",
        "callbacks.validation.calibration_batches=1",
        "device=cpu",
    ],
    "grow": ["training.steps=2", "member_training.steps=2", "device=cpu", "calibration_batches=1"],
    "evaluate": ["subnets=2", "calibration_batches=1"],
    "freeze": ["latency=false", "calibration_batches=1"],
    "finetune": ["course.steps=2", "course.seeds=[0]", "device=cpu"],
    "continual": ["course.steps=2", "device=cpu"],
    "search": ["evaluations=3", "calibration_batches=1", "device=cpu"],
}
ELSEWHERE = ("torchrun", "pip", "make", "python")  # what shell blocks may hold beside hypernas


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> Path:
    """A folder with the example scripts, and a run in `runs/example`."""
    folder = tmp_path_factory.mktemp("docs")
    for script in EXAMPLES.glob("*.py"):
        shutil.copy(script, folder)
    with pytest.MonkeyPatch.context() as patch:
        call(patch, folder, ["hypernas", "train", "hydra.run.dir=runs/example"])
    return folder


def call(patch: pytest.MonkeyPatch, folder: Path, arguments: list[str]) -> str:
    """Run a command, made fast, in a folder; what it prints."""
    patch.chdir(folder)
    patch.setenv("HYDRA_FULL_ERROR", "1")
    patch.setenv("HYPERNAS_CACHE", str(folder / "cache"))
    more = FAST.get(arguments[1], [])
    if arguments[1] == "report":
        more = ["--overwrite"]  # what another page made of the same run
    if any(argument.startswith("standalone=") for argument in arguments):
        more = [*more, "subnets=2", "recipe.steps=2", "recipe.seeds=[0]"]
    if "resume=" in " ".join(arguments):
        more = [setting for setting in more if setting.startswith("device")] + ["training.steps=4"]
    patch.setattr(sys, "argv", [*arguments, *more])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        command.main()
    return printed.getvalue()


def run_python(page: str) -> tuple[dict[str, object], list[str]]:
    """The names that the Python blocks of a page leave, in order, and what they print."""
    names: dict[str, object] = {"__name__": "snippets"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in snippets(page, "python"):
            exec(compile(block, page, "exec"), names)
    return names, printed.getvalue().splitlines()


@pytest.mark.parametrize("page", [p for p in PAGES if p != "README.md" and snippets(p, "python")])
def test_the_python_of_a_page_runs(page, example, monkeypatch):
    monkeypatch.chdir(example)
    run_python(page)


def test_the_python_of_the_readme_trains_and_exports_the_users_module(example, monkeypatch):
    monkeypatch.chdir(example)
    names, printed = run_python("README.md")
    generator, small, net = names["generator"], names["small"], names["net"]
    assert type(net) is names["Net"]
    assert names["weights"]["stem.weight"].shape == (8, 1, 3, 3)
    images, labels = names["images"], names["labels"]
    assert (net(images).argmax(1) == labels).float().mean() > 0.5
    statistics = generator.calibrate(small, [images])
    generator.eval()
    torch.testing.assert_close(
        net(images), generator.call(small, images, statistics=statistics), rtol=0, atol=1e-6
    )
    assert printed[0].startswith("Net tensor(")


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_the_commands_of_a_page_run_one_after_the_other(page, example, monkeypatch):
    for i, line in enumerate(commands(page)):
        arguments = shlex.split(line.replace("RUN", "runs/example"))
        if arguments[1] in ("train", "grow") and "resume=" not in line:
            # a folder's usual name is the second in which it is made
            arguments.append(f"hydra.run.dir=runs/{Path(page).stem}/{i}")
        call(monkeypatch, example, arguments)
    for out in re.findall(r"\bout=(\S+)", " ".join(commands(page))):
        assert (example / out).exists()
        for file in example.glob(f"{Path(out).stem}.*"):
            file.unlink()  # another page may write it too
    load(example / "runs/example")


def test_other_lines_of_shell_blocks_call_known_programs():
    for page in PAGES:
        for line in "".join(snippets(page, "sh")).splitlines():
            assert line.startswith(("hypernas ", *(f"{name} " for name in ELSEWHERE))), line


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_script_runs_and_is_shown_on_a_page(script, monkeypatch, tmp_path, capsys):
    shorter = re.sub(r"steps=\d+", "steps=10", script.read_text())
    copy = tmp_path / script.name
    copy.write_text(shorter)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(copy), run_name="__main__")
    assert capsys.readouterr().out
    assert any(script in included(page) for page in PAGES)


def test_every_choice_that_the_table_of_groups_names_has_a_configuration():
    text = PAGES["docs/commands.md"].read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", text, flags=re.MULTILINE)
    assert len(rows) == 18
    for group, row in rows:
        there = {path.stem for path in (ROOT / "configs" / group).glob("*.yaml")}
        assert set(re.findall(r"`(\w+)`", row)) <= there, group


@pytest.mark.parametrize("page", ["README.md", "docs/generators.md"])
def test_every_generator_that_is_recommended_has_a_configuration(page):
    table = PAGES[page].read_text().split("| you want | take |")[1].split("\n\n")[0]
    names = set(re.findall(r"`(\w+)`", table)) - {"from_hypnettorch"}
    assert {"hypernas", "shared"} < names
    assert names <= {path.stem for path in (ROOT / "configs" / "generator").glob("*.yaml")}
