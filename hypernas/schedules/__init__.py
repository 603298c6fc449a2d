"""Schedules: the learning rate over a run, in units of its peak."""

from hypernas.schedules.constant import Constant
from hypernas.schedules.cosine import Cosine
from hypernas.schedules.exponential import Exponential
from hypernas.schedules.one_cycle import OneCycle
from hypernas.schedules.phases import Phases, Stretch
from hypernas.schedules.schedule import Schedule
from hypernas.schedules.warmup import Warmup

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "OneCycle",
    "Phases",
    "Schedule",
    "Stretch",
    "Warmup",
]
