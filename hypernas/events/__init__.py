"""The events of a training run, and the interfaces of those who see them or keep a state."""

from hypernas.events.acquainted import Acquainted
from hypernas.events.event import Begun, Ended, Event, Skipped, Stepped, Subnets, Validated
from hypernas.events.observer import Observer
from hypernas.events.stateful import Stateful

__all__ = [
    "Acquainted",
    "Begun",
    "Ended",
    "Event",
    "Observer",
    "Skipped",
    "Stateful",
    "Stepped",
    "Subnets",
    "Validated",
]
