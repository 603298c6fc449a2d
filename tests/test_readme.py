"""What the README says runs."""

import csv
import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

from hypernas.cli import main as command

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
FAST = ["training.steps=2", "training.validate_every=2", "device=cpu"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_python_example_trains_and_exports_the_users_module(capsys):
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
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
    assert capsys.readouterr().out.startswith("Net tensor(")


def test_the_commands_run_one_after_the_other(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    lines = [
        line
        for block in blocks("sh")
        for line in block.splitlines()
        if line.startswith("hypernas ")
    ]
    assert {line.split()[1] for line in lines} == {"train", "evaluate", "export"}
    folder = None
    for line in lines:
        arguments = shlex.split(line.replace("RUN", str(folder)))
        if arguments[1] == "train":
            arguments += [a for a in FAST if not a.startswith("resume")]
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


@pytest.mark.parametrize("page", ["README.md", "experiments/digits/README.md"])
def test_the_table_is_the_one_of_the_results(page):
    spec = importlib.util.spec_from_file_location(
        "study", ROOT / "experiments" / "digits" / "run.py"
    )
    study = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(study)
    with (ROOT / "experiments" / "digits" / "results.csv").open() as file:
        made = study.table(list(csv.DictReader(file)))
    text = (ROOT / page).read_text()
    assert text.split(study.BEGIN)[1].split(study.END)[0].strip() == made
