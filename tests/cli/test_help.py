"""`--help` and `--version`: complete, and at no cost."""

import re
import subprocess
import sys

import pytest
import yaml

import hypernas
from hypernas.cli.main import _COMMANDS
from hypernas.runs.config_files import META, configs, options, read

CONFIGURED = [command for command in _COMMANDS if (configs() / f"{command}.yaml").is_file()]
HEAVY = {"torch", "hydra", "omegaconf", "numpy", "pandas", "matplotlib", "rich"}


def test_a_command_is_a_line_of_the_table_and_a_file(run):
    status, out, _ = run("--help")
    assert status == 0
    assert re.findall(r"^  hypernas (\w+) ", out, re.MULTILINE) == list(_COMMANDS)
    assert {path.stem for path in configs().glob("*.yaml")} == set(CONFIGURED)
    for command in _COMMANDS:
        status, out, _ = run(command, "--help")
        assert status == 0
        assert out.startswith(f"hypernas {command}: ")


def test_the_version_is_that_of_the_package(run):
    assert run("--version")[1].strip() == hypernas.__version__


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], *([command, "--help"] for command in _COMMANDS), ["teach"]],
    ids=" ".join,
)
def test_nothing_heavy_is_imported_to_help(arguments):
    code = (
        "import sys\n"
        "from hypernas.cli.main import main\n"
        f"sys.argv[1:] = {arguments}\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('\\nimported', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.rpartition("imported")[2].split())


def test_the_library_imports_what_is_asked_for():
    code = (
        "import sys, hypernas\n"
        "assert 'torch' not in sys.modules\n"
        "from hypernas import SearchSpace, generators\n"
        "assert generators.shared and SearchSpace is hypernas.SearchSpace\n"
        "assert set(hypernas.__all__) <= set(dir(hypernas))\n"
        "for name in hypernas.__all__: getattr(hypernas, name)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_the_library_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = hypernas.nonsense


@pytest.mark.parametrize("command", CONFIGURED)
def test_the_help_of_a_command_explains_every_setting_in_eighty_columns(run, command):
    out = run(command, "--help")[1]
    ahead = out.split("First to know")[1]
    assert max(map(len, ahead.splitlines())) <= 80
    own = read(configs() / f"{command}.yaml")
    words = " ".join(ahead.split())
    for setting in own.settings:
        if setting.text is not None:
            assert f"{setting.key}=" in words
            assert setting.comment in words


def test_the_first_settings_come_first_and_once(run):
    out = run("train", "--help")[1]
    keys = re.findall(r"^  ([\w.@]+)=", out, re.MULTILINE)
    first = ["generator", "space", "data", "training.steps", "optimizer.lr", "seed", "device"]
    assert keys[:7] == first
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", options("generator"))
def test_the_help_shows_the_file_that_is_chosen(run, name):
    status, out, _ = run("train", f"generator={name}", "--help")
    assert status == 0
    words = " ".join(out.split())
    for setting in read(configs() / "generator" / f"{name}.yaml", "generator").settings:
        if setting.key.rpartition(".")[2] not in META:
            assert setting.key in words
            assert setting.comment in words


def test_the_help_shows_what_a_preset_chooses(run):
    assert "space.widths=[32, 64, 128]" in run("train", "experiment=fast", "--help")[1]
    assert "space=vit, a call" in run("train", "experiment=fast", "space=vit", "--help")[1]


def test_the_help_shows_the_value_that_a_command_gives_to_a_setting_of_a_group(run):
    assert re.search(r"training.steps=150 +optimizer steps of the grown", run("grow", "--help")[1])


def test_the_help_of_a_file_that_is_not_there_tells_those_there_are(run):
    status, _, error = run("train", "generator=magic", "--help")
    assert status == 2
    assert "no generator=magic, expected one of ['acdc'" in error


@pytest.mark.parametrize("path", sorted(configs().rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_setting_has_a_comment(path):
    """Its own, or that of a mapping around it that is no call."""
    file = read(path)
    calls = {s.key.rpartition(".")[0] for s in file.settings if s.key.endswith("_target_")}
    explained = set()
    for setting in file.settings:
        around, _, name = setting.key.rpartition(".")
        if setting.comment or (around in explained and around not in calls):
            explained.add(setting.key)
        elif setting.text is not None and (name not in META or setting.value == "???"):
            pytest.fail(f"{setting.key} has no comment")
    assert file.about or explained


def test_a_comment_is_text_behind_a_value_and_not_inside_it(tmp_path):
    path = tmp_path / "odd.yaml"
    path.write_text('# of odd things\na: "x # y" # first\nb: # second\n  - {c: 1}\nd: {e: "#"}\n')
    file = read(path, "group")
    assert file.about == "of odd things"
    assert [(s.key, s.text, s.comment) for s in file.settings] == [
        ("group.a", '"x # y"', "first"),
        ("group.b", None, "second"),
        ("group.d", '{e: "#"}', ""),
    ]
    assert file.values == yaml.safe_load(path.read_text())
