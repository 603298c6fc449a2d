"""Choosing parameters by name."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase


def matching(
    names: Iterable[str], patterns: Sequence[str] | str | None, *, purpose: str
) -> list[str]:
    """The names that match one of the shell-style patterns, in their order.

    Raises:
        ValueError: if a pattern matches none, listing the names there are.
    """
    names = list(names)
    wanted = [patterns] if isinstance(patterns, str) else list(patterns or ())
    useless = [p for p in wanted if not any(fnmatchcase(name, p) for name in names)]
    if useless and names:
        raise ValueError(f"{purpose}: the patterns {useless} match none of {names}.")
    return [name for name in names if any(fnmatchcase(name, p) for p in wanted)]
