"""What the README says runs."""

import contextlib
import csv
import importlib.util
import io
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

from hypernas.cli import main as command

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
FAST = ["training.steps=2", "callbacks.validation.every=2", "device=cpu"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture(scope="module")
def example() -> tuple[dict[str, object], list[str]]:
    """The names that the Python of the README leaves, and what it prints."""
    names: dict[str, object] = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in blocks("python"):
            exec(compile(block, "README.md", "exec"), names)
    return names, printed.getvalue().splitlines()


def test_the_python_example_trains_and_exports_the_users_module(example):
    names, printed = example
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


def test_the_users_module_grows_and_is_exported(example):
    names, printed = example
    images, full, large = names["images"], names["full"], names["large"]
    assert type(large) is names["Net"]
    assert large.stem.weight.shape == (32, 1, 3, 3)
    assert len(large.blocks) == 2
    with torch.no_grad():
        grown = names["grown"].eval().call(full, images)
        own = [part.eval().call(names["half"], images) for part in names["members"]]
        torch.testing.assert_close(large(images), grown, rtol=0, atol=1e-6)
    torch.testing.assert_close(grown, (own[0] + own[1]) / 2, rtol=0, atol=1e-5)
    assert float(printed[-1]) < 1e-6


def test_the_commands_run_one_after_the_other(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setenv("HYPERNAS_CACHE", str(tmp_path))
    lines = [
        line
        for block in blocks("sh")
        for line in block.splitlines()
        if line.startswith("hypernas ")
    ]
    assert {line.split()[1] for line in lines} == {"train", "evaluate", "export", "grow", "report"}
    folder = None
    for line in lines:
        arguments = shlex.split(line.replace("RUN", str(folder)))
        if arguments[1] in ("train", "grow"):
            arguments += FAST
        if arguments[1] == "grow":
            arguments += ["member_training.steps=2"]
        monkeypatch.setattr(sys, "argv", arguments)
        command.main()
        out = capsys.readouterr().out
        if folder is None:
            folder = out.split("run ")[1].split()[0]
    assert Path("small.onnx").exists()
    assert Path(folder, "evaluation.csv").exists()


def test_every_generator_space_and_data_set_that_is_named_has_a_configuration():
    for group in ("generator", "space", "data", "sampling", "objective", "optimizer"):
        (row,) = re.findall(rf"^\| `{group}` \| (.*) \|$", TEXT, flags=re.MULTILINE)
        named = set(re.findall(r"`(\w+)`", row))
        assert named == {path.stem for path in (ROOT / "configs" / group).glob("*.yaml")}


def study(name: str):
    """A study's module, and the rows of its results."""
    with (ROOT / "experiments" / name / "results.csv").open() as file:
        return script(name), list(csv.DictReader(file))


def script(name: str):
    """A study's module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "experiments" / name / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def between(page: str, begin: str, end: str) -> str:
    return (ROOT / page).read_text().split(begin)[1].split(end)[0].strip()


def test_the_table_of_what_ranks_send_is_worked_out_again():
    scale = script("scale")
    assert between("README.md", scale.BEGIN, scale.END) == scale.table()


def test_every_generator_whose_costs_were_measured_is_still_configured():
    costs, rows = study("generators")
    assert {row["generator"] for row in rows} <= set(costs.GENERATORS)


@pytest.mark.parametrize("name", ["shared", "mos_layer", "hypernas", "acdc"])
def test_what_generators_say_of_themselves_is_up_to_date(name):
    costs, rows = study("generators")
    (row,) = [r for r in rows if r["generator"] == name and r["space"] == "conv2d"]
    described = costs.generator_of(name, costs.space_of("conv2d")).describe()
    assert int(row["stored"]) == described.num_stored
    assert int(row["weights"]) == described.num_generated
    assert row["how"] in described.assignment.values()
