"""Spelling of names."""

import difflib
from collections.abc import Iterable


def meant(name: object, there: Iterable[str], *, at: str = "") -> str:
    """A question in brackets whether the nearest of the names that are there was meant; empty if none is near.

    Args:
        at: where the names are, such as "training", which the question puts before them.
    """
    near = difflib.get_close_matches(str(name), list(there), 1)
    return f" (did you mean {f'{at}.' if at else ''}{near[0]}?)" if near else ""
