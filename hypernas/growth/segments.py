"""Segments of the axes of a large tensor: runs of channels, each of one member."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hypernas.growth.counterparts import Counterpart, channels
from hypernas.growth.network import Factors, Network, flat

NOBODY = -1  # the member of channels that no member brings


class Segment(NamedTuple):
    """A run of a factor, whose channels are those of one member."""

    start: int
    stop: int
    member: int


def segments_of(
    name: str,
    smalls: Sequence[Counterpart | None],
    target: Network,
    members: Sequence[Network],
    shapes: Mapping[str, Factors],
) -> list[list[Segment] | None]:
    """The segments of each factor of a large tensor; None for those that are not cut.

    Args:
        smalls: what each member has for the tensor.
        shapes: the factors of the large network's tensors, by name.

    Raises:
        ValueError: if members bring more channels than there are, or it cannot be told how many.
    """
    whole = flat(shapes[name])
    brought = [_brought(name, i, smalls, target, members, shapes) for i in range(len(whole))]
    return [_segments(name, parts, size) for parts, size in zip(brought, whole, strict=True)]


def _brought(
    name: str,
    i: int,
    smalls: Sequence[Counterpart | None],
    target: Network,
    members: Sequence[Network],
    shapes: Mapping[str, Factors],
) -> list[int] | None:
    """Numbers of channels along factor `i` that each member brings; None where it is not cut.

    A member that lacks the layer has channels there too, since layers before and after have them: as
    many as in its nearest layer, if that is as large there, or else as where its other layers are.
    """
    size = flat(shapes[name])[i]
    own = {m: s.sizes[i] for m, s in enumerate(smalls) if s is not None and s.owned}
    alike = {
        m: s.sizes[i]
        for m, s in enumerate(smalls)
        if s is not None and s.name in shapes and flat(shapes[s.name])[i] == size
    }
    if all(part == size for part in (own or alike).values()):
        return None
    found: list[int] = []
    for m, member in enumerate(members):
        part = own.get(m, alike.get(m))
        if part is None or (part == size and m not in own):
            part = channels(name, size, member.weights, target.weights)
        if part is None and own:
            raise ValueError(
                f"{name}: member {m} lacks this layer, and it cannot be told which of its {size} "
                f"channels are that member's. Give that member the layer too, or grow it first"
            )
        if part is None:
            return None
        found.append(part)
    return found


def _segments(name: str, parts: Sequence[int] | None, size: int) -> list[Segment] | None:
    """The segments of one factor; None where it is not cut."""
    if parts is None:
        return None
    if sum(parts) > size:
        raise ValueError(
            f"{name}: the members bring {' + '.join(map(str, parts))} channels, "
            f"the large network has {size}"
        )
    segments, start = [], 0
    for m, part in enumerate(parts):
        segments.append(Segment(start, start + part, m))
        start += part
    return segments + ([Segment(start, size, NOBODY)] if start < size else [])
