"""Advice: what to do with the flows of a collective, in one sentence."""

from collections.abc import Sequence

from hypernas.planning.outcome import Outcome

_ALIKE = 1.01  # times that differ by less are taken for the same


def advise(outcomes: Sequence[Outcome]) -> str:
    """The scheme with the fewest pieces among those that are as fast as the last one."""
    first, best = outcomes[0], outcomes[-1]
    if not best.num_flows:
        return "No flow leaves its leaf, so spines carry nothing: leave flows whole."
    if first.seconds <= _ALIKE * best.seconds:
        return (
            f"{first.scheme.action}: {first.scheme.subject} already takes the {_time(best.seconds)} that "
            f"{best.scheme.subject} takes, for which the links {best.heaviest} are what counts."
        )
    slower = f"{first.scheme.subject} takes {first.seconds / best.seconds:.2f} times as long"
    fast = [one for one in outcomes[1:-1] if one.seconds <= _ALIKE * best.seconds]
    if not fast:
        return f"{best.scheme.action}: {slower}, and no split helps."
    one = min(fast, key=lambda outcome: outcome.num_pieces)
    what = f"({one.name}: {one.scheme.about})"
    gain = f"{slower} as the {_time(best.seconds)} of {best.scheme.subject}, this does not."
    if not one.num_split:
        return f"{one.scheme.action} {what}: {gain}"
    return (
        f"Split {one.num_split:,} of {one.num_flows:,} flows, into {one.num_pieces / one.num_flows:.3g} "
        f"pieces a flow on average {what}: {gain}"
    )


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
