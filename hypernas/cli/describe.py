"""hypernas describe."""

from collections.abc import Sequence

from hypernas.runs.systems import described


def describe(arguments: Sequence[str]) -> None:
    """Print the published systems, those that have all words."""
    print(described(arguments), end="")
