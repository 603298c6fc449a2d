"""Lines on a console."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def say(console: "Console", text: str) -> None:
    """Print a text as it is: not coloured, not wrapped, brackets are no markup."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)
