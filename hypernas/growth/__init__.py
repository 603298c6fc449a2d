"""Growth: trained small networks become a large one."""

from hypernas.growth.baselines import RandomGrowth, Scratch, grow_randomly
from hypernas.growth.growth import Growth, num_stages, untrained
from hypernas.growth.incubation import Incubate
from hypernas.growth.mixture_growth import Recombine, grow
from hypernas.growth.net2net import Net2Net, net2net
from hypernas.growth.preservation import deviation, recalibrate
from hypernas.growth.stages import Stages
from hypernas.growth.subspace import subspace
from hypernas.growth.templates import member

__all__ = [
    "Growth",
    "Incubate",
    "Net2Net",
    "RandomGrowth",
    "Recombine",
    "Scratch",
    "Stages",
    "deviation",
    "grow",
    "grow_randomly",
    "member",
    "net2net",
    "num_stages",
    "recalibrate",
    "subspace",
    "untrained",
]
