"""What commands print can be pasted back, whatever folders are called."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from hypernas.cli.job import folder_name
from hypernas.runs.console import next_steps, value

FAST = ["experiment=fast", "training.steps=2", "device=cpu"]
ODD = [
    "a=b", "a,b=c", "x y", "-dash", "2024", "1e5", 'q"uote', "it's", "back\\slash", "end\\", 'b\\"q',
    "${seed}", "null", "True", "[x]", "{a}", "a:b", "größe", "#h", "$HOME", "~x", ".", "..", "../a",
    "(1)", "a;b", "a&b", "*",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_a_text_goes_through_the_shell_and_hydra(name):
    typed = next_steps("run={quoted} {path}", Path(name))
    setting, path = shlex.split(typed)
    parsed = OverridesParser.create().parse_override(setting).value()
    assert OmegaConf.create({"run": parsed, "seed": 3}).run == path == str(Path(name))


def test_a_plain_name_stays_as_it_is():
    for name in ("runs/a-b/2026-01-01_10-00-00", "/tmp/x_1", "sweeps/seed-1_lr-0.1"):
        assert value(name) == name


@pytest.mark.parametrize("name", ["a=b,c=[1,2]", "-dash", 'it\'s "odd"'])
def test_commands_that_training_prints_run(run, name):
    status, out, error = run("train", *FAST, f"hydra.run.dir={value(name)}")
    assert status == 0, error
    printed = [line for line in out.splitlines() if "hypernas " in line]
    assert len(printed) == 2
    for line in printed:
        arguments = shlex.split(line)
        at = next(i for i, word in enumerate(arguments) if word.endswith("hypernas"))
        status, _, error = run(*arguments[at + 1 :])
        assert status == 0, error
    assert Path(name, "evaluation.csv").is_file()
    status, _, error = run("train", f"resume={value(name)}", "training.steps=3")
    assert status == 0, error
    assert (Path(name) / "checkpoints" / "00000003").is_dir()


def test_folders_of_a_sweep_need_no_quotes_and_go_on(run):
    own = ["callbacks=[default,average]", "space.widths=[16,32],[16,24]", "seed=0,1"]
    status, out, error = run("train", "--multirun", *FAST, *own)
    assert status == 0, error
    folders = [path.parent for path in Path("sweeps").rglob("settings.yaml")]
    assert len(folders) == 4
    for folder in folders:
        assert shlex.quote(str(folder)) == value(str(folder)) == str(folder)
        assert "seed-" in folder.name
        assert f"evaluate run={folder}\n" in out
    assert run("train", f"resume={folders[0]}", "training.steps=3")[0] == 0


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ("generator=shared,seed=0", "generator-shared_seed-0"),
        ("optimizer.lr=0.1,training.steps=5", "optimizer.lr-0.1_training.steps-5"),
        ("", ""),
    ],
)
def test_a_folder_of_a_sweep_is_called_after_its_settings(overrides, name):
    assert folder_name(overrides) == name


def test_folders_of_a_sweep_never_share_a_name():
    long = "x" * 300
    names = ["a=[1,2]", "a=[12]", "a=x y", "a=xy", 'a="xy"', "a=x:y", f"a={long}1", f"a={long}2"]
    found = {folder_name(name) for name in names}
    assert len(found) == len(names)
    assert all(len(name) < 140 and value(f"sweeps/{name}") == f"sweeps/{name}" for name in found)


def test_a_shell_pastes_what_a_command_prints(tmp_path):
    """The whole way once: printed by one process, read by a shell."""
    environment = {**os.environ, "PATH": os.pathsep.join(["/usr/bin", "/bin"])}
    command = [sys.executable, "-m", "hypernas.cli.main"]
    name = "a=b, c"
    settings = [*FAST, f"hydra.run.dir={value(name)}", "threads=1"]
    done = subprocess.run(
        [*command, "train", *settings],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "hypernas export" in line]
    typed = line.split("hypernas ", 1)[1]
    line = f"{shlex.join(command)} {typed} threads=1"
    subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "smallest.onnx").is_file()
