"""The table of published systems: what it names is there, and the page shows it."""

from pathlib import Path

import pytest

from hypernas.cli.main import _COMMANDS
from hypernas.runs.config_files import configs, options, read
from hypernas.runs.systems import described, systems

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("system", systems(), ids=lambda one: one.system)
def test_the_command_the_test_and_the_study_of_a_system_are_there(system):
    command, *settings = system.command.split()
    assert command in _COMMANDS
    known = {setting.key for setting in read(configs() / f"{command}.yaml").settings}
    assert settings
    for setting in settings:
        key, _, value = setting.partition("=")
        group = key.partition(".")[0]
        if (configs() / group).is_dir():
            assert key != group or value.strip("[]") in options(group)
        else:
            assert key in known
    assert (ROOT / system.test).is_file()
    assert not system.study or (ROOT / "experiments" / system.study / "README.md").is_file()
    if system.arxiv:
        sources = [*(ROOT / "hypernas").rglob("*.py"), *configs().rglob("*.yaml")]
        assert any(system.arxiv in path.read_text() for path in sources)


def test_no_system_and_no_preset_is_missing_or_there_twice():
    every = systems()
    assert len({one.system for one in every}) == len({one.command for one in every}) == len(every)
    named = " ".join(one.command for one in every)
    for preset in {*options("experiment")} - {"fast"}:
        assert f"experiment={preset}" in named.split()


def test_the_page_shows_the_table_of_the_command():
    page = (ROOT / "docs" / "systems.md").read_text()
    shown = page.split("<!-- systems -->\n")[1].split("<!-- end -->")[0]
    assert shown == described(["--markdown"])  # hypernas describe --markdown


def test_words_choose_systems_that_have_all_of_them():
    assert described(["INCUBATE", "growth"]).splitlines()[0].startswith("Deep Incubation (Ni")
    assert described(["2020", "translation"]).count("arXiv") == 1
    assert "--markdown" in described(["--help"])
    with pytest.raises(ValueError, match="no system has 'nothing' and 'else' in its name"):
        described(["nothing", "else"])
    with pytest.raises(ValueError, match="no option --table, expected --markdown"):
        described(["--table"])
