"""The law of slices, held when the first generator of a space is made."""

import warnings
from typing import Any
from weakref import WeakKeyDictionary

from hypernas.border import checked
from hypernas.space import SearchSpace
from hypernas.subnet.law.examination import Examination, examine, few
from hypernas.subnet.law.verdict import written

_MOST_NAMES = 4  # in a warning
_MEANT = 'The layout "..." says that a prefix is meant, of whatever axes.'
# the last verdicts on a space, and the layouts that they are of
_EXAMINED: WeakKeyDictionary[SearchSpace, tuple[dict[str, Any], Examination]] = WeakKeyDictionary()
_UNTOLD: WeakKeyDictionary[SearchSpace, str] = WeakKeyDictionary()  # of what is undecided


@checked
def enforce(space: SearchSpace) -> bool:
    """Put the slices of a space to the law, once for its layouts; where it is broken, take or want others.

    Returns:
        True if it is decided.

    Raises:
        ValueError: if the law is broken, or the columns of a layer belong to those of the largest one in
            no way that could be told, with the layouts to write.
    """
    if _EXAMINED.get(space, (None,))[0] == space.layouts:
        found = _EXAMINED[space][1]
    else:
        found = examine(space, few(space))
        _EXAMINED[space] = dict(space.layouts), found
        if words := " ".join(filter(None, (_caution(found), _unpadded(found)))):
            _UNTOLD[space] = words
    for verdict in found.verdicts:
        if verdict.layouts and not space.auto_layouts:
            raise ValueError(
                f"slices of the largest network's weights do not compute what it computes with them, "
                f"{verdict.because} of {verdict.subject}; under other layouts they do. Write\n  "
                f'{written(found.layouts)}\nor layouts="auto" for what is found. {_MEANT}'
            )
        if verdict.doubts:
            raise ValueError(
                f"nothing tells how the columns of {', '.join(verdict.doubts)} belong to "
                f"those of the largest network ({verdict.because}), and two choices together make their "
                f"number. Write\n  {written(verdict.doubts)}\nif they are laid out so. {_MEANT}"
            )
    space.layouts.update(found.layouts)
    _EXAMINED[space] = dict(space.layouts), found
    return found.decided


def caution(space: SearchSpace) -> None:
    """Warn, once for a space, where the law is undecided and parameters are cut that could be cut wrongly.

    So where a network fails on padded examples.
    """
    if words := _UNTOLD.pop(space, None):
        warnings.warn(words, stacklevel=4)  # at who makes the generator


def _caution(found: Examination) -> str | None:
    """The words about what is undecided; None where nothing can be wrong, or an error says it."""
    doubtful = [verdict for verdict in found.verdicts if verdict.at_risk and not verdict.doubts]
    if not doubtful:
        return None
    first = doubtful[0]
    names = ", ".join(first.at_risk[:_MOST_NAMES])
    more = f" and {len(first.at_risk) - _MOST_NAMES} more" if first.at_risk[_MOST_NAMES:] else ""
    return (
        f"nothing proves that subnets take the right part of {names}{more}: for {first.subject}, "
        f"{first.because}. What decides it is an example that all networks of the space can be called with, "
        f"SearchSpace(..., inputs=...), or layouts that are written. {_MEANT} "
        f"hypernas.check(space) tells more."
    )


def _unpadded(found: Examination) -> str | None:
    """The words about a network that fails on padded examples alone; None where none does."""
    verdict = next((verdict for verdict in found.verdicts if verdict.unpadded), None)
    if verdict is None:
        return None
    return (
        f"the network of {verdict.subject} takes whole examples, but fails on padded ones ({verdict.unpadded}). A "
        f"builder that changes sizes after a model is made (heads, say) must change what its parts remember of "
        f"them too; a configuration of those sizes does."
    )
