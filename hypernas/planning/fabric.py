"""Fabrics of switches in two layers."""

from dataclasses import dataclass
from numbers import Integral

from hypernas.border import checked

_BYTES = 1e9 / 8  # a second, of a link of 1 Gbit/s


@checked
@dataclass(frozen=True)
class LeafSpine:
    """Leaves with as many hosts each, every leaf with one link to every spine.

    Rank r is host r mod `hosts` of leaf r // `hosts`. Two hosts of a leaf reach each other without a spine.

    Args:
        host_gbit: rate of the link between a host and its leaf, each way, in Gbit/s.
        spine_gbit: rate of each link between a leaf and a spine, each way, in Gbit/s.
    """

    leaves: int = 16
    hosts: int = 16
    spines: int = 16
    host_gbit: float = 400.0
    spine_gbit: float = 400.0

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in ("leaves", "hosts", "spines")}
        wrong = [
            f"{name}: expected a whole number of 1 or more, got {value!r}"
            for name, value in given.items()
            if not isinstance(value, Integral) or value < 1
        ]
        rates = {name: getattr(self, name) for name in ("host_gbit", "spine_gbit")}
        wrong += [
            f"{name}: expected more than 0 Gbit/s, got {value!r}"
            for name, value in rates.items()
            if not 0 < value < float("inf")
        ]
        if wrong:
            raise ValueError("there is no such fabric:\n  " + "\n  ".join(wrong))

    @property
    def num_hosts(self) -> int:
        """The hosts of all leaves, each of which may be a rank."""
        return self.leaves * self.hosts

    @property
    def host_rate(self) -> float:
        """Bytes a second between a host and its leaf, each way."""
        return self.host_gbit * _BYTES

    @property
    def spine_rate(self) -> float:
        """Bytes a second between a leaf and a spine, each way."""
        return self.spine_gbit * _BYTES
