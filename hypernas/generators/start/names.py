"""Names of a trained module's tensors: the same as the builder's, but perhaps for a prefix."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")


def renamed(given: Mapping[str, T], wanted: Collection[str]) -> tuple[dict[str, T], list[str]]:
    """The given values by the wanted names, and a sentence where a prefix was taken off or put before.

    Wrappers put a prefix before all names (`module.`, `model.`, `_orig_mod.`), and a builder that wraps
    a module has one that the module's own file lacks. The prefix that makes most names match is
    taken; none, where that is as good.
    """
    targets = set(wanted)
    less = Counter(before for name in given for before, after in _cuts(name) if after in targets)
    more = Counter(before for name in wanted for before, after in _cuts(name) if after in given)
    plain = sum(name in targets for name in given)
    surplus, num_less = less.most_common(1)[0] if less else ("", 0)
    lacking, num_more = more.most_common(1)[0] if more else ("", 0)
    if max(num_less, num_more) <= plain:
        return dict(given), []
    if num_less >= num_more:
        cut = {name.removeprefix(surplus): value for name, value in given.items()}
        return cut, [f"the prefix {surplus!r} was taken off its names"]
    put = {f"{lacking}{name}": value for name, value in given.items()}
    return put, [f"the prefix {lacking!r} was put before its names"]


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    """Prefixes that end in a dot, each with what follows."""
    place = name.find(".") + 1
    while place:
        yield name[:place], name[place:]
        place = name.find(".", place) + 1
