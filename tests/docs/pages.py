"""The pages of the documentation, and the snippets in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "docs" / "examples"
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
}
_INCLUDED = re.compile(r'^--8<-- "(.*)"$', flags=re.MULTILINE)


def snippets(page: str, language: str) -> list[str]:
    """The blocks of a language on a page; those that are files elsewhere are left out."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGES[page].read_text(), re.M | re.S)
    return [block for block in blocks if not _INCLUDED.search(block)]


def commands(page: str) -> list[str]:
    """The lines of a page's shell blocks that call hypernas."""
    lines = "".join(snippets(page, "sh")).splitlines()
    return [line for line in lines if line.startswith("hypernas ")]


def included(page: str) -> list[Path]:
    """The files that a page shows."""
    return [ROOT / name for name in _INCLUDED.findall(PAGES[page].read_text())]
