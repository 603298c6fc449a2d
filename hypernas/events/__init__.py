"""What happens in a training run, and who is told of it or kept in its checkpoints."""

from hypernas.events.event import Begun, Ended, Event, Stepped, Subnets, Validated
from hypernas.events.observer import Observer
from hypernas.events.stateful import Stateful

__all__ = [
    "Begun",
    "Ended",
    "Event",
    "Observer",
    "Stateful",
    "Stepped",
    "Subnets",
    "Validated",
]
