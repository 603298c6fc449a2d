"""A hook of mkdocs: pages that stand beside `docs` are part of the site, where links find them."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
BESIDE = [
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "experiments/*/README.md",
    "experiments/*/figures/*.svg",
]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages beside `docs`, and the figures of studies."""
    for pattern in BESIDE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to where those pages are within the site."""
    if page.file.src_uri.startswith("experiments/"):
        return markdown.replace("](../../README.md", "](../../index.md")
    if page.file.src_uri in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"):
        return markdown.replace("](docs/", "](")
    depth = "../" * page.file.src_uri.count("/")
    return re.sub(
        rf"\]\({re.escape(depth)}\.\./(experiments/|CONTRIBUTING|CHANGELOG|SECURITY)",
        rf"]({depth}\1",
        markdown,
    )
