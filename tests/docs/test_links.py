"""Links of the README and the pages lead somewhere."""

import re

import pytest
from pages import PAGES, ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_that_are_there(page):
    path = PAGES[page]
    for link in LINK.findall(path.read_text()):
        file = link.partition("#")[0]
        if file and "://" not in file:
            assert (path.parent / file).resolve().is_relative_to(ROOT)
            assert (path.parent / file).exists(), f"{page} links to {link}"


def test_the_readme_is_short():
    assert len(PAGES["README.md"].read_text().splitlines()) <= 150
